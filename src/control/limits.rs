//! Whose replies are limited, as rows for people.

use super::protocol::{LimitedRow, LimitsRow};
use crate::clock;
use crate::limits::RRL_SHOWN;
use crate::rrl::HeldBack;
use crate::state::State;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// What is held back in words: who asks, for what, and of which zone or for whom.
pub(crate) fn limited_words(state: &State, what: &HeldBack) -> String {
    let mut text = format!("{} {}", what.block, what.class.word());
    if let Some(subnet) = what.subnet {
        let _ = write!(text, " for {subnet}");
    }
    if let Some(zone) = what.zone.and_then(|zone| state.snapshot.counted.zone(zone as usize)) {
        let _ = write!(text, " {zone}");
    }
    text
}

/// How limits are used; none if there are none.
pub(super) fn limits(state: &State) -> Option<LimitsRow> {
    let limiter = state.identity.limiter.as_ref()?;
    let mut rows = limiter.held().rows();
    rows.sort_by_key(|row| Reverse(row.count));
    let limited_in_all = rows.len();
    rows.truncate(RRL_SHOWN);
    let row = |row: &crate::rrl::HeldRow| LimitedRow {
        of: limited_words(state, &row.what),
        replies: row.count,
        seconds: row.seen[1].saturating_sub(row.seen[0]) / 1_000_000_000,
    };
    let (buckets, busy) = limiter.buckets(clock::nanoseconds(clock::instant()));
    Some(LimitsRow {
        log_only: limiter.rules().log_only,
        buckets: [buckets, busy],
        limited: rows.iter().map(row).collect(),
        limited_in_all,
    })
}
