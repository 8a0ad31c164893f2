//! What the outcomes of checks count for: `monitoring_only` of a check, `quorum` of a pool.

use super::Code;
use super::diagnostic::Diagnostic;
use super::source::Span;
use super::walk::{Ctx, Fields};
use super::zone::Zone;
use crate::health::Voting;
use crate::id::CheckId;
use crate::pool::Rules;

/// What the outcomes of a check count for.
pub(super) fn voting(ctx: &mut Ctx, fields: &Fields<'_>) -> Voting {
    let monitoring_only = fields.value("monitoring_only").and_then(|node| ctx.boolean(node, "monitoring_only"));
    Voting { monitoring_only: monitoring_only.unwrap_or(false), flap: None }
}

/// What the outcomes of a pool's checks mean for its members; `key` is the pool's name.
pub(super) fn read(zone: &mut Zone<'_, '_>, key: Span, fields: &Fields<'_>, checks: &[CheckId]) -> Rules {
    let votes = |check: &&CheckId| !zone.spec.checks[check.index()].voting.monitoring_only;
    let voters = checks.iter().filter(votes).count();
    if voters == 0 && !checks.is_empty() {
        let found = Diagnostic::new(Code::NoCheck, key, "every check of the pool has monitoring_only = true");
        zone.ctx.push(found.label("always counts as up").help("add a check that votes, if that is not meant"));
    }
    Rules { may_fail: may_fail(zone.ctx, fields, voters) }
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
