//! What is due when: probes spread evenly over the interval, each with a little jitter, the long dead more slowly.
//!
//! Every target has a *phase*, a fixed point within its interval. Phases come from the golden-ratio sequence, which
//! spreads any number of points evenly in the order in which they are added. A probe is due at
//! `phase + k × interval ± jitter`; jitter moves one probe and never the grid, so the spread stays even for ever.
//! Times are rounded to steps of a few milliseconds, so that a prober of many targets wakes up for several at once.

use super::{Millis, Outcome, Timing};
use crate::id::TargetId;
use crate::limits::{JITTER_PERCENT, PROBE_STEP_MS, SLOWDOWN_MAX};
use crate::worker::Draw;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Failures in a row, after those that took the target down, at which it is probed one step more slowly.
const SLOWDOWN_EVERY: u32 = 10;

/// Time that as many failures must have taken at the configured interval, milliseconds: ten seconds of a check that
/// runs every second are not long.
const SLOWDOWN_EVERY_MS: u64 = 100_000;

/// The fractional part of the golden ratio in units of 2⁻⁶⁴.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// One target's place in the schedule.
#[derive(Clone, Copy, Debug)]
struct Entry {
    interval_ms: u32,
    timeout_ms: u32,
    phase_ms: u32,
    /// Failures in a row.
    failures: u32,
    fall: u8,
    /// When it is due; `None` while its probe runs.
    due: Option<Millis>,
    /// When its last probe was due.
    started: Millis,
    /// When its last outcome that could be judged came in, or it was added.
    last: Millis,
}

impl Entry {
    fn slowdown(&self) -> u32 {
        slowdown(self.failures, self.fall, self.interval_ms)
    }
}

/// How many times more slowly a target is probed after so many failures in a row, 1 to [`SLOWDOWN_MAX`]. The interval is
/// the configured one, in milliseconds.
#[must_use]
pub fn slowdown(failures: u32, fall: u8, interval_ms: u32) -> u32 {
    let dead = failures.saturating_sub(u32::from(fall));
    let by_time = u64::from(dead) * u64::from(interval_ms) / SLOWDOWN_EVERY_MS;
    let steps = u64::from(dead / SLOWDOWN_EVERY).min(by_time).min(u64::from(SLOWDOWN_MAX - 1));
    1 + steps as u32
}

/// The probes to come. Targets are dense ids; each is added once.
#[derive(Debug)]
pub struct Schedule {
    draw: Draw,
    entries: Vec<Option<Entry>>,
    /// Due times, the earliest on top; an item whose time is not its entry's any more is skipped.
    heap: BinaryHeap<Reverse<(Millis, TargetId)>>,
    added: u64,
}

impl Schedule {
    /// An empty schedule whose jitter follows from `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { draw: Draw::new(seed), entries: Vec::new(), heap: BinaryHeap::new(), added: 0 }
    }

    /// Adds a target: its first probe is due at `first_due`, the others on its own grid.
    pub fn add(&mut self, target: TargetId, timing: &Timing, first_due: Millis) {
        let interval_ms = timing.interval_ms.max(1);
        let fraction = self.added.wrapping_mul(GOLDEN) >> 32;
        self.added += 1;
        let entry = Entry {
            interval_ms,
            timeout_ms: timing.timeout_ms,
            phase_ms: ((fraction * u64::from(interval_ms)) >> 32) as u32,
            failures: 0,
            fall: timing.fall,
            due: Some(first_due),
            started: first_due,
            last: first_due,
        };
        if self.entries.len() <= target.index() {
            self.entries.resize(target.index() + 1, None);
        }
        self.entries[target.index()] = Some(entry);
        self.heap.push(Reverse((first_due, target)));
    }

    /// Adds a target whose last outcome, of an earlier run, is `age` milliseconds old: its next probe is due at the
    /// first point of its grid at least half an interval after that, so that a restart probes at the usual rate.
    pub fn add_known(&mut self, target: TargetId, timing: &Timing, now: Millis, age: Millis) {
        let fraction = self.added.wrapping_mul(GOLDEN) >> 32;
        let interval = Millis::from(timing.interval_ms.max(1));
        let phase = (fraction * interval) >> 32;
        let earliest = now + (interval / 2).saturating_sub(age);
        let due = phase + earliest.saturating_sub(phase).div_ceil(interval) * interval;
        self.add(target, timing, due);
        if let Some(entry) = self.entry_mut(target) {
            entry.last = now.saturating_sub(age);
        }
    }

    /// Forgets a target; an outcome that still comes in for it is ignored.
    pub fn remove(&mut self, target: TargetId) {
        if let Some(entry) = self.entries.get_mut(target.index()) {
            *entry = None;
        }
    }

    /// The time of the earliest probe; `None` if every target's probe is running or there is none.
    #[must_use]
    pub fn next_due(&mut self) -> Option<Millis> {
        while let Some(&Reverse((due, target))) = self.heap.peek() {
            if self.due_of(target) == Some(due) {
                return Some(due);
            }
            self.heap.pop();
        }
        None
    }

    /// Moves every target that is due at `now` to `out`, the earliest first. Each is out of the schedule until
    /// [`Schedule::done`] puts it back.
    pub fn take_due(&mut self, now: Millis, out: &mut Vec<TargetId>) {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some(Reverse((due, target))) = self.heap.pop() else { return };
            if let Some(entry) = self.entry_mut(target) {
                entry.due = None;
                entry.started = due;
                out.push(target);
            }
        }
    }

    /// Takes an outcome and sets when the target is probed next: at the first point of its grid at least half an
    /// interval behind the last probe's start, and not before `now`. How long the probe took plays no part: else each
    /// that ran into a long timeout would cost a round, and so make a dead endpoint's end come later.
    pub fn done(&mut self, target: TargetId, outcome: Outcome, now: Millis) {
        let random = self.draw.next();
        let Some(entry) = self.entry_mut(target) else { return };
        match outcome {
            Outcome::Pass => (entry.failures, entry.last) = (0, now),
            Outcome::Fail => (entry.failures, entry.last) = (entry.failures.saturating_add(1), now),
            Outcome::Inconclusive => {}
        }
        let interval = Millis::from(entry.interval_ms);
        let earliest = entry.started + interval * Millis::from(entry.slowdown()) - interval / 2;
        let phase = Millis::from(entry.phase_ms);
        let grid = phase + earliest.saturating_sub(phase).div_ceil(interval) * interval;
        let swing = interval * Millis::from(JITTER_PERCENT) / 100;
        let jitter = ((u128::from(random) * u128::from(2 * swing + 1)) >> 64) as Millis;
        let due = ((grid + jitter).saturating_sub(swing) / PROBE_STEP_MS * PROBE_STEP_MS).max(now);
        entry.due = Some(due);
        self.heap.push(Reverse((due, target)));
    }

    /// When a target is due; `None` while its probe runs, or if it is not in the schedule.
    #[must_use]
    pub fn due_of(&self, target: TargetId) -> Option<Millis> {
        self.entries.get(target.index())?.as_ref()?.due
    }

    /// The time between a target's probes at present, milliseconds: its interval, times the slow-down if it is long
    /// dead. 0 if it is not in the schedule.
    #[must_use]
    pub fn effective_interval_ms(&self, target: TargetId) -> u64 {
        let entry = self.entries.get(target.index()).and_then(Option::as_ref);
        entry.map_or(0, |entry| u64::from(entry.interval_ms) * u64::from(entry.slowdown()))
    }

    /// True if a target has had no outcome for so long that what is known of it is old.
    #[must_use]
    pub fn is_stale(&self, target: TargetId, now: Millis) -> bool {
        let entry = self.entries.get(target.index()).and_then(Option::as_ref);
        entry.is_some_and(|entry| {
            is_stale(entry.last, self.effective_interval_ms(target), u64::from(entry.timeout_ms), now)
        })
    }

    fn entry_mut(&mut self, target: TargetId) -> Option<&mut Entry> {
        self.entries.get_mut(target.index())?.as_mut()
    }
}

/// Stale: no outcome for three effective intervals and one timeout. All in milliseconds.
#[must_use]
pub const fn is_stale(last_outcome: Millis, effective_interval_ms: u64, timeout_ms: u64, now: Millis) -> bool {
    now.saturating_sub(last_outcome) > 3 * effective_interval_ms + timeout_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing { interval_ms: 10_000, timeout_ms: 2_000, fall: 3, rise: 2, forget: 10 };

    /// Runs `count` targets until `end`, every probe taking `took` ms; gives (start, target) of each.
    fn run(count: usize, end: Millis, took: Millis, outcome: Outcome) -> Vec<(Millis, TargetId)> {
        let mut schedule = Schedule::new(7);
        for index in 0..count {
            schedule.add(TargetId::new(index), &TIMING, 0);
        }
        let (mut starts, mut due) = (Vec::new(), Vec::new());
        while let Some(now) = schedule.next_due().filter(|&due| due < end) {
            schedule.take_due(now, &mut due);
            for target in due.drain(..) {
                starts.push((now, target));
                schedule.done(target, outcome, now + took);
            }
        }
        starts
    }

    #[test]
    fn ten_thousand_probes_are_spread_evenly_over_the_interval() {
        let starts = run(10_000, 110_000, 500, Outcome::Pass);
        for window in (20_000..110_000).step_by(1_000) {
            let count = starts.iter().filter(|(at, _)| (window..window + 1_000).contains(at)).count();
            assert!((950..=1_050).contains(&count), "{count} probes in the second from {window}");
        }
    }

    #[test]
    fn probes_that_are_due_within_one_step_are_due_together() {
        let starts = run(10_000, 60_000, 500, Outcome::Pass);
        let later: Vec<_> = starts.iter().map(|(at, _)| *at).filter(|at| *at > 0).collect();
        assert!(later.iter().all(|at| at % PROBE_STEP_MS == 0));
        let mut wakes = later.clone();
        wakes.dedup();
        assert!(wakes.len() * 8 < later.len(), "{} wake-ups for {} probes", wakes.len(), later.len());
    }

    #[test]
    fn a_probe_that_runs_into_its_timeout_costs_no_round() {
        // Half the interval and nearly all of it; one that takes longer than it is followed by the next on the grid.
        for (took, limit) in [(5_000, 11_000), (9_900, 11_000), (12_000, 17_500)] {
            let starts = run(20, 300_000, took, Outcome::Inconclusive);
            for target in 0..20 {
                let own: Vec<_> = starts.iter().filter(|(_, t)| t.index() == target).map(|(at, _)| *at).collect();
                // The first is not on the grid yet.
                let most = own[1..].windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
                assert!(most <= limit, "{most} ms apart, taking {took} ms");
            }
        }
    }

    #[test]
    fn two_probes_of_one_target_are_an_interval_apart_within_the_jitter() {
        let starts = run(100, 300_000, 300, Outcome::Pass);
        for target in 0..100 {
            let own: Vec<_> = starts.iter().filter(|(_, t)| t.index() == target).map(|(at, _)| *at).collect();
            assert!(own.len() >= 28, "{}", own.len());
            for pair in own[1..].windows(2) {
                assert!((9_000..=11_000).contains(&(pair[1] - pair[0])), "{pair:?}");
            }
        }
    }

    #[test]
    fn the_long_dead_are_probed_up_to_six_times_more_slowly_and_the_first_pass_restores_the_interval() {
        let mut schedule = Schedule::new(1);
        let target = TargetId::new(0);
        schedule.add(target, &TIMING, 0);
        let mut factors = Vec::new();
        let mut due = Vec::new();
        for _ in 0..80 {
            let now = schedule.next_due().unwrap();
            schedule.take_due(now, &mut due);
            schedule.done(target, Outcome::Fail, now);
            factors.push(schedule.effective_interval_ms(target) / 10_000);
        }
        assert_eq!(factors[..12], [1; 12]);
        assert_eq!((factors[12], factors[22], factors[62], factors[79]), (2, 3, 6, 6));
        let now = schedule.next_due().unwrap();
        schedule.take_due(now, &mut due);
        schedule.done(target, Outcome::Inconclusive, now);
        assert_eq!(schedule.effective_interval_ms(target), 60_000);
        let now = schedule.next_due().unwrap();
        schedule.take_due(now, &mut due);
        schedule.done(target, Outcome::Pass, now);
        assert_eq!(schedule.effective_interval_ms(target), 10_000);
        assert!(schedule.due_of(target).unwrap() <= now + 15_500);
    }

    #[test]
    fn a_target_is_due_once_until_its_probe_is_done_and_never_after_it_is_removed() {
        let mut schedule = Schedule::new(1);
        let (a, b) = (TargetId::new(0), TargetId::new(5));
        schedule.add(a, &TIMING, 10);
        schedule.add(b, &TIMING, 20);
        let mut due = Vec::new();
        schedule.take_due(15, &mut due);
        assert_eq!(due, [a]);
        assert_eq!(schedule.next_due(), Some(20));
        schedule.remove(b);
        assert_eq!(schedule.next_due(), None);
        schedule.done(b, Outcome::Pass, 30);
        assert_eq!(schedule.next_due(), None);
        schedule.done(a, Outcome::Pass, 30);
        assert!(schedule.next_due().is_some());
    }

    #[test]
    fn known_targets_of_an_earlier_run_are_probed_spread_over_the_interval() {
        let mut schedule = Schedule::new(7);
        for index in 0..1_000 {
            schedule.add_known(TargetId::new(index), &TIMING, 5_000, index as Millis * 10);
        }
        let mut due: Vec<_> = (0..1_000).map(|index| schedule.due_of(TargetId::new(index)).unwrap()).collect();
        assert!(
            due.iter()
                .enumerate()
                .all(|(index, due)| (5_000..20_000).contains(due) && *due + index as Millis * 10 >= 10_000)
        );
        due.sort_unstable();
        let busiest = due.windows(200).map(|window| window[199] - window[0]).min().unwrap();
        assert!(busiest > 1_000, "200 probes within {busiest} ms");
    }

    #[test]
    fn a_target_is_stale_after_three_effective_intervals_and_a_timeout() {
        let mut schedule = Schedule::new(1);
        let target = TargetId::new(0);
        schedule.add(target, &TIMING, 1_000);
        assert!(!schedule.is_stale(target, 33_000));
        assert!(schedule.is_stale(target, 33_001));
        schedule.done(target, Outcome::Pass, 40_000);
        assert!(!schedule.is_stale(target, 72_000));
        assert!(!schedule.is_stale(TargetId::new(9), 1 << 40));
    }
}
