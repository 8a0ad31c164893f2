//! What the outcomes of checks count for: `monitoring_only` and `flap_*` of a check; `quorum` of a pool, and how its
//! endpoints come back.

use super::Code;
use super::diagnostic::Diagnostic;
use super::source::Span;
use super::walk::{Ctx, Fields};
use super::zone::Zone;
use crate::health::{Aggregate, ComebackRules, Flap, GuardRules, Voting};
use crate::id::CheckId;
use crate::limits::{
    COMEBACK_MAX_MS, FLAP_LIMIT_MAX, FLAP_WINDOW_MAX_MS, FLAP_WINDOW_MS, GUARD_HOLD_MAX_MS, INTERVAL_MIN_MS,
};
use crate::pool::{Balance, Relief, Rules};

/// What the outcomes of a check count for.
pub(super) fn voting(ctx: &mut Ctx, fields: &Fields<'_>) -> Voting {
    let monitoring_only = fields.value("monitoring_only").and_then(|node| ctx.boolean(node, "monitoring_only"));
    Voting { monitoring_only: monitoring_only.unwrap_or(false), flap: flap(ctx, fields) }
}

/// `flap_limit` and `flap_window`; without a limit nothing is held.
fn flap(ctx: &mut Ctx, fields: &Fields<'_>) -> Option<Flap> {
    let range = u64::from(INTERVAL_MIN_MS)..=u64::from(FLAP_WINDOW_MAX_MS);
    let window = fields.entry("flap_window").map(|(key, node)| (key, ctx.millis(node, "flap_window", range)));
    let Some(node) = fields.value("flap_limit") else {
        if let Some((key, _)) = window {
            let found = Diagnostic::new(Code::MissingKey, key, "`flap_window` means nothing without `flap_limit`");
            ctx.push(found.label("no `flap_limit`").help("add flap_limit = 6: more changes than that are too many"));
        }
        return None;
    };
    let limit = ctx.integer(node, "flap_limit", 2..=FLAP_LIMIT_MAX)?;
    let window_ms = window.and_then(|(_, window)| window).map_or(FLAP_WINDOW_MS, |window| window as u32);
    Some(Flap { limit, window_ms })
}

/// What the outcomes of a pool's checks mean for its members; `key` is the pool's name.
pub(super) fn read(
    zone: &mut Zone<'_, '_>,
    (key, balance): (Span, Balance),
    fields: &Fields<'_>,
    checks: &[CheckId],
) -> Rules {
    let votes = |check: &&CheckId| !zone.spec.checks[check.index()].voting.monitoring_only;
    let voters = checks.iter().filter(votes).count();
    if voters == 0 && !checks.is_empty() {
        let found = Diagnostic::new(Code::NoCheck, key, "every check of the pool has monitoring_only = true");
        zone.ctx.push(found.label("always counts as up").help("add a check that votes, if that is not meant"));
    }
    Rules {
        may_fail: may_fail(zone.ctx, fields, voters),
        comeback: comeback(zone.ctx, fields, balance),
        aggregate: Aggregate::default(),
        load: None,
        // Resolved when all pools are known.
        depends_on: Box::new([]),
        relief: Relief::default(),
    }
}

/// How an endpoint comes back after a failure.
fn comeback(ctx: &mut Ctx, fields: &Fields<'_>, balance: Balance) -> ComebackRules {
    let mut time = |key: &'static str| {
        let value = fields.value(key).and_then(|node| ctx.millis(node, key, 0..=COMEBACK_MAX_MS));
        value.map_or(0, |value| value as u32)
    };
    let (slow_start_ms, failback_delay_ms) = (time("slow_start"), time("failback_delay"));
    if let (Some((key, _)), false) = (fields.entry("slow_start"), balance.knows_weights()) {
        let found = Diagnostic::new(Code::UnknownKey, key, "the pool's `balance` knows no weights, so no slow start");
        ctx.push(found.label("means nothing here").help("use balance = \"weighted\" or \"hash\", or failback_delay"));
    }
    let manual_resume = fields.value("manual_resume").and_then(|node| ctx.boolean(node, "manual_resume"));
    ComebackRules { failback_delay_ms, slow_start_ms, manual_resume: manual_resume.unwrap_or(false) }
}

/// How many of the checks that vote may fail: all but `quorum` of them.
fn may_fail(ctx: &mut Ctx, fields: &Fields<'_>, voters: usize) -> u8 {
    let voters = u8::try_from(voters).unwrap_or(u8::MAX);
    let Some(node) = fields.value("quorum") else { return 0 };
    let Some(quorum) = ctx.integer(node, "quorum", 1..=u8::MAX) else { return 0 };
    if quorum > voters {
        let found = Diagnostic::new(Code::OutOfRange, node.span, format!("quorum is {quorum}, more than checks vote"));
        ctx.push(found.label("could never be met").help(format!("the pool has {voters} that vote")));
    }
    voters.saturating_sub(quorum)
}

/// `[guard]` of the server file.
pub(super) fn guard(ctx: &mut Ctx, fields: &Fields<'_>) -> GuardRules {
    let mut guard = GuardRules::default();
    if let Some(node) = fields.value("share") {
        guard.share = ctx.integer(node, "share", 1..=100).unwrap_or(guard.share);
    }
    if let Some(node) = fields.value("hold") {
        let hold = ctx.millis(node, "hold", 1_000..=u64::from(GUARD_HOLD_MAX_MS));
        guard.hold_ms = hold.map_or(guard.hold_ms, |hold| hold as u32);
    }
    guard
}
