//! Response rate limiting from the outside: its secret, and the thread that tells people whose replies are held back,
//! and cookies what time it is.

use super::cookies::Keeper;
use super::seed;
use crate::clock;
use crate::control::limited_words;
use crate::events::{Events, Kind};
use crate::limits::{RRL_HELD_MS, RRL_TOLD};
use crate::priority;
use crate::publish::Published;
use crate::rrl::{HeldRow, Limiter, Rules};
use crate::state::State;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The list of who is held back is looked at this often.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between two sweeps of the buckets.
const SWEEP_LOOKS: u32 = 60;

/// The limits that the rules ask for: with the buckets from before, where they fit.
pub(super) fn limiter(rules: Option<&Rules>, before: Option<&Limiter>) -> Option<Limiter> {
    let rules = rules?.clone();
    let kept = before.and_then(|before| before.under(rules.clone()));
    Some(kept.unwrap_or_else(|| Limiter::new(rules, std::array::from_fn(|_| seed()))))
}

/// The running thread.
#[derive(Debug)]
pub(super) struct Thread {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// Starts it.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(super) fn start(published: Arc<Published>, happened: Events, mut keeper: Keeper) -> io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let told = Arc::clone(&stop);
        let run = move || {
            priority::behind_answers();
            let mut telling = Telling::new(happened);
            while !told.load(Ordering::Relaxed) {
                let state = published.load_full();
                if let Some(cookies) = &state.identity.cookies {
                    keeper.tick(cookies, clock::unix_seconds());
                }
                telling.look(&state, clock::nanoseconds(clock::instant()));
                drop(state);
                thread::park_timeout(LOOK);
            }
        };
        let thread = thread::Builder::new().name("limits".into()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

/// What has been told of whom.
struct Telling {
    happened: Events,
    /// Rows whose beginning was told, by key, in words.
    told: HashMap<u64, String>,
    /// Rows whose beginning was passed over.
    passed: HashMap<u64, ()>,
    looks: u32,
    /// Beginnings that may still be told in this minute, and those passed over in it.
    left: u32,
    more: u64,
}

impl Telling {
    fn new(happened: Events) -> Self {
        Self { happened, told: HashMap::new(), passed: HashMap::new(), looks: 0, left: RRL_TOLD, more: 0 }
    }

    /// Tells whose limits began and ended since the last look.
    fn look(&mut self, state: &State, now: u64) {
        self.looks += 1;
        let Some(limiter) = &state.identity.limiter else {
            self.told.clear();
            self.passed.clear();
            return;
        };
        let is_tried = limiter.rules().log_only;
        let old = limiter.held().forget(now.saturating_sub(RRL_HELD_MS * 1_000_000));
        for row in limiter.held().rows() {
            self.begin(state, &row, is_tried);
        }
        for row in old {
            self.end(&row);
        }
        if self.looks.is_multiple_of(SWEEP_LOOKS) {
            self.minute();
            limiter.sweep(now);
        }
    }

    fn begin(&mut self, state: &State, row: &HeldRow, is_tried: bool) {
        if self.told.contains_key(&row.key()) || self.passed.contains_key(&row.key()) {
            return;
        }
        if self.left == 0 {
            self.passed.insert(row.key(), ());
            self.more += 1;
            return;
        }
        self.left -= 1;
        let subject = limited_words(state, &row.what);
        let (to, why) = if is_tried {
            ("would be limited", "more replies than [rrl] allows; log_only: nothing is held back")
        } else {
            ("limited", "more replies than [rrl] allows")
        };
        tracing::warn!(replies = row.count, "{subject}: {to}");
        self.happened.push(Kind::Limit, &subject, "", to, why);
        self.told.insert(row.key(), subject);
    }

    fn end(&mut self, row: &HeldRow) {
        self.passed.remove(&row.key());
        if let Some(subject) = self.told.remove(&row.key()) {
            let [first, last] = row.seen;
            let seconds = last.saturating_sub(first).div_ceil(1_000_000_000);
            let why = format!("{} replies were over the limit within {seconds} s", row.count);
            tracing::warn!(replies = row.count, seconds, "{subject}: within limits again");
            self.happened.push(Kind::Limit, &subject, "limited", "within limits", &why);
        }
    }

    /// A minute is over: of the blocks that were passed over there is one line.
    fn minute(&mut self) {
        self.left = RRL_TOLD;
        let more = std::mem::take(&mut self.more);
        if more > 0 {
            tracing::warn!(more, "more blocks of addresses were limited than are told of one by one");
            self.happened.push(
                Kind::Limit,
                &format!("{more} more blocks"),
                "",
                "limited",
                "more than are told one by one",
            );
        }
    }
}
