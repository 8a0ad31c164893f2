//! Slices of load by turns, without and with something else going on: what that costs, and beside it what the same
//! figures differ by when nothing differs. A slice in which other programs took the processors is taken again.

use super::load::Outcome;
use super::server::{Server, cpu_of};
use std::time::Duration;

/// The part of a core that other programs may take during a slice.
const OTHERS: f64 = 0.15;
/// Slices that are taken again, on each side and in each round, before one counts as it is.
const AGAIN: usize = 2;

/// The slices of two sides.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    quiet: Vec<Outcome>,
    busy: Vec<Outcome>,
    disturbed: usize,
}

impl Turns {
    /// So many rounds of a quiet slice and a busy one; who comes first alternates, so that what drifts meets both.
    pub(crate) fn take(
        server: &Server,
        rounds: usize,
        mut quiet: impl FnMut() -> Outcome,
        mut busy: impl FnMut() -> Outcome,
    ) -> Self {
        let mut turns = Self::default();
        for round in 0..rounds {
            for is_busy in [round % 2 == 1, round % 2 == 0] {
                let slice = if is_busy { turns.calm(server, &mut busy) } else { turns.calm(server, &mut quiet) };
                let side = if is_busy { &mut turns.busy } else { &mut turns.quiet };
                side.push(slice);
            }
        }
        turns
    }

    /// A slice that other programs left alone, if there is one.
    fn calm(&mut self, server: &Server, slice: &mut dyn FnMut() -> Outcome) -> Outcome {
        for _ in 0..AGAIN {
            let before = others(server);
            let outcome = slice();
            let others = others(server).saturating_sub(before);
            if others <= outcome.elapsed.mul_f64(OTHERS) {
                return outcome;
            }
        }
        self.disturbed += 1;
        slice()
    }

    /// The slices of one side.
    pub(crate) fn side(&self, busy: bool) -> &[Outcome] {
        if busy { &self.busy } else { &self.quiet }
    }

    /// The median over the slices of a side of the time within which `share` of its answers came, microseconds.
    pub(crate) fn median(&self, busy: bool, share: f64) -> f64 {
        median(self.side(busy).iter().map(|slice| f64::from(slice.percentile(share))))
    }

    /// How much longer that is on the busy side: 1 is the same.
    pub(crate) fn ratio(&self, share: f64) -> f64 {
        self.median(true, share) / self.median(false, share)
    }

    /// The same ratio of every other quiet slice to the quiet slices between them: what the ratio is worth.
    pub(crate) fn of_itself(&self, share: f64) -> f64 {
        let half = |first: usize| {
            median(self.quiet.iter().skip(first).step_by(2).map(|slice| f64::from(slice.percentile(share))))
        };
        half(1) / half(0)
    }

    /// Queries of a side that got no answer.
    pub(crate) fn lost(&self, busy: bool) -> u64 {
        self.side(busy).iter().map(|slice| slice.lost).sum()
    }

    /// Answers of a side.
    pub(crate) fn answered(&self, busy: bool) -> u64 {
        self.side(busy).iter().map(|slice| slice.answered).sum()
    }

    /// Slices that count although other programs took more than their part.
    pub(crate) fn disturbed(&self) -> usize {
        self.disturbed
    }
}

/// The columns of [`rows`], behind those of the caller.
pub(crate) const COLUMNS: [&str; 8] =
    ["when", "answers", "lost", "p50 µs", "p99 µs", "p99 to quiet", "quiet to quiet", "disturbed"];

impl Turns {
    /// Two rows of a table: what those who ask notice.
    pub(crate) fn rows(&self, quiet: &str, busy: &str) -> [Vec<String>; 2] {
        [(quiet, false), (busy, true)].map(|(when, busy)| {
            vec![
                when.to_owned(),
                self.answered(busy).to_string(),
                self.lost(busy).to_string(),
                format!("{:.0}", self.median(busy, 0.5)),
                format!("{:.0}", self.median(busy, 0.99)),
                if busy { format!("{:.2}", self.ratio(0.99)) } else { "1".to_owned() },
                format!("{:.2}", self.of_itself(0.99)),
                self.disturbed().to_string(),
            ]
        })
    }
}

/// The middle one; of an even number the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    values.get(low).zip(values.get(high)).map_or(f64::NAN, |(low, high)| (low + high) / 2.0)
}

/// Processor time that neither the server nor this process has used since the machine's start.
fn others(server: &Server) -> Duration {
    let text = std::fs::read_to_string("/proc/stat").expect("Linux says it");
    let all = text.lines().next().and_then(|line| line.strip_prefix("cpu ")).expect("the sum over all processors");
    let ticks: Vec<u64> = all.split_whitespace().map(|ticks| ticks.parse().expect("a number")).collect();
    // Idle, and waiting for a disk: nobody's. A tick is 10 ms; what follows the first eight is counted in those.
    let used: u64 =
        ticks.iter().take(8).enumerate().filter(|(place, _)| ![3, 4].contains(place)).map(|one| one.1).sum();
    (Duration::from_millis(10) * used as u32).saturating_sub(server.cpu() + cpu_of(std::process::id()))
}
