//! Response rate limiting from the outside: its secret, and the thread that tells people whose replies are held back,
//! and cookies what time it is.

use super::cookies::Keeper;
use super::seed;
use crate::clock;
use crate::control::limited_words;
use crate::events::{Events, Kind};
use crate::faults;
use crate::limits::{RRL_HELD_MS, RRL_TOLD};
use crate::priority;
use crate::publish::Published;
use crate::restart::{Part, Restarts};
use crate::rrl::{HeldRow, Limiter, Rules};
use crate::state::State;
use std::collections::{HashMap, HashSet};
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
    pub(super) fn start(
        published: Arc<Published>,
        happened: Events,
        mut keeper: Keeper,
        restarts: &Restarts,
    ) -> io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let (told, restarts) = (Arc::clone(&stop), restarts.clone());
        let mut telling = Telling::new(happened);
        let mut look_until_told = move || {
            while !told.load(Ordering::Relaxed) {
                faults::here(Part::Limits);
                let state = published.load_full();
                if let Some(cookies) = &state.identity.cookies {
                    keeper.tick(cookies, clock::unix_seconds());
                }
                telling.look(&state, clock::nanoseconds(clock::instant()));
                drop(state);
                thread::park_timeout(LOOK);
            }
        };
        let run = move || {
            priority::behind_answers();
            restarts.keep(Part::Limits, &mut look_until_told);
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
    passed: HashSet<u64>,
    looks: u32,
    /// Beginnings that may still be told in this minute, and those passed over in it.
    left: u32,
    more: u64,
}

impl Telling {
    fn new(happened: Events) -> Self {
        Self { happened, told: HashMap::new(), passed: HashSet::new(), looks: 0, left: RRL_TOLD, more: 0 }
    }

    /// Tells whose limits began and ended since the last look.
    fn look(&mut self, state: &State, now: u64) {
        self.looks += 1;
        let limiter = state.identity.limiter.as_ref();
        let quiet = now.saturating_sub(RRL_HELD_MS * 1_000_000);
        let old = limiter.map_or_else(Vec::new, |limiter| limiter.held().forget(quiet));
        let rows = limiter.map_or_else(Vec::new, |limiter| limiter.held().rows());
        let is_tried = limiter.is_some_and(|limiter| limiter.rules().log_only);
        rows.iter().for_each(|row| self.begin(state, row, is_tried));
        old.iter().for_each(|row| self.end(row));
        self.forget_others(&rows);
        if self.looks.is_multiple_of(SWEEP_LOOKS) {
            self.minute();
            if let Some(limiter) = limiter {
                limiter.sweep(now);
            }
        }
    }

    /// Rows of limits that are no more, since a reload has switched them off or made another table.
    fn forget_others(&mut self, rows: &[HeldRow]) {
        let known: HashSet<u64> = rows.iter().map(HeldRow::key).collect();
        self.passed.retain(|key| known.contains(key));
        for (_, subject) in self.told.extract_if(|key, _| !known.contains(key)) {
            self.happened.push(Kind::Limit, &subject, "limited", "within limits", "the limits have changed");
        }
    }

    fn begin(&mut self, state: &State, row: &HeldRow, is_tried: bool) {
        if self.told.contains_key(&row.key()) || self.passed.contains(&row.key()) {
            return;
        }
        if self.left == 0 {
            self.passed.insert(row.key());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Bits;
    use crate::geo::Databases;
    use crate::rrl::{Class, Said};
    use crate::snapshot::{Snapshot, Spec};
    use crate::state::Identity;

    const SECOND: u64 = 1_000_000_000;

    fn state(rules: Option<Rules>, before: Option<&Limiter>) -> State {
        let snapshot = Snapshot::build(Spec::default(), Arc::new(Databases::new(Vec::new()))).unwrap();
        let identity = Identity { limiter: limiter(rules.as_ref(), before), ..Identity::default() };
        State { identity: Arc::new(identity), ..State::offline(Arc::new(snapshot), &[]) }
    }

    /// So many blocks ask for more errors than they get.
    fn flood(state: &State, blocks: u32, now: u64) {
        for block in 0..blocks {
            let source = Bits::v4(0x0a00_0000 | block << 8);
            let said = Said { class: Class::Error, zone: 0, source: &source, subnet: None };
            for _ in 0..100 {
                let _judged = state.identity.limiter.as_ref().map(|limiter| limiter.judge(now, &said));
            }
        }
    }

    fn told(telling: &Telling) -> Vec<(String, String)> {
        let events = telling.happened.after(Some(0), usize::MAX).into_iter();
        events.map(|event| (event.subject.into(), event.to.into())).collect()
    }

    #[test]
    fn a_limit_is_told_when_it_begins_and_when_it_is_over() {
        let state = state(Some(Rules::default()), None);
        let mut telling = Telling::new(Events::default());
        flood(&state, 1, 100 * SECOND);
        for second in 100..=110 {
            telling.look(&state, second * SECOND);
        }
        let block = "10.0.0.0/24 error".to_owned();
        assert_eq!(told(&telling), [(block.clone(), "limited".to_owned())]);
        telling.look(&state, 111 * SECOND);
        assert_eq!(told(&telling)[1..], [(block, "within limits".to_owned())]);
        assert!(telling.told.is_empty());
    }

    #[test]
    fn of_many_limits_a_few_are_told_and_the_others_counted() {
        let state = state(Some(Rules::default()), None);
        let mut telling = Telling::new(Events::default());
        flood(&state, 100, 100 * SECOND);
        for second in 100..200 {
            telling.look(&state, second * SECOND);
        }
        let told = told(&telling);
        let of = |to: &str| told.iter().filter(|(_, is)| is == to).count();
        assert_eq!((of("limited"), of("within limits")), (RRL_TOLD as usize + 1, RRL_TOLD as usize));
        assert!(told.iter().any(|(subject, _)| subject == "90 more blocks"), "{told:?}");
        assert!(telling.passed.is_empty() && telling.told.is_empty());
    }

    #[test]
    fn limits_that_a_reload_takes_away_are_over() {
        let on = state(Some(Rules::default()), None);
        let mut telling = Telling::new(Events::default());
        flood(&on, 1, 100 * SECOND);
        telling.look(&on, 100 * SECOND);
        telling.look(&state(None, on.identity.limiter.as_ref()), 101 * SECOND);
        assert_eq!(told(&telling).last().unwrap().1, "within limits");
    }

    #[test]
    fn buckets_outlive_a_reload_unless_the_table_is_another() {
        let on = state(Some(Rules::default()), None);
        flood(&on, 1, 100 * SECOND);
        let before = on.identity.limiter.as_ref();
        let rows = |rules: Rules| state(Some(rules), before).identity.limiter.as_ref().unwrap().held().rows().len();
        assert_eq!(rows(Rules { slip: 1, ..Rules::default() }), 1);
        assert_eq!(rows(Rules { table_size: 1 << 11, ..Rules::default() }), 0);
    }
}
