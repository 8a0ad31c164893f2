//! What endpoints say of their load, and how long their probes take: numbers that balance and shed, and never votes.

use super::Millis;
use std::fmt;

/// A reported load, in thousandths of the unit that the endpoint reports in: connections, requests a second, or a
/// utilisation from 0 to 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Load(u64);

impl Load {
    /// The largest load that can be told: a million million of the unit.
    pub const MAX: f64 = 1e12;
    /// The same as a load.
    pub const LARGEST: Self = Self(1_000_000_000_000_000);

    /// A load as reported; `None` unless it is a number from 0 to [`Load::MAX`].
    #[must_use]
    pub fn new(reported: f64) -> Option<Self> {
        (0.0..=Self::MAX).contains(&reported).then(|| Self((reported * 1_000.0).round() as u64))
    }

    /// So many thousandths of the unit.
    #[must_use]
    pub const fn from_thousandths(thousandths: u64) -> Self {
        Self(thousandths)
    }

    /// In thousandths of the unit.
    #[must_use]
    pub const fn thousandths(self) -> u64 {
        self.0
    }

    /// In the unit.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0 as f64 / 1_000.0
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

/// Where an HTTP check finds a load, and how long it is believed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LoadSource {
    /// Where in the response.
    pub place: LoadPlace,
    /// A larger load is not believed.
    pub max: Load,
    /// A report is believed for so long, milliseconds.
    pub stale_ms: u32,
}

/// Where a load stands in a response.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum LoadPlace {
    /// In a field of the body, JSON of at most 64 KiB: the keys from the outside to the inside.
    Body(Box<[Box<str>]>),
    /// In a header, as a load report (ORCA, xDS `OrcaLoadReport`): `TEXT cpu_utilization=0.3,…`, `JSON {…}`, or a bare
    /// number.
    Header {
        /// The header, in lower case.
        name: Box<str>,
        /// The metric of the report; none: the application's utilisation, else the processor's.
        metric: Option<Box<str>>,
    },
}

/// How the load of a pool follows from the loads that its live members report.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Aggregate {
    /// Their sum: connections, requests a second.
    #[default]
    Sum,
    /// Their mean: a utilisation.
    Mean,
}

/// What a probe measured beside its outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// Time to the first byte of the answer (or until the connection stood, where nothing is asked), microseconds.
    pub time_us: Option<u32>,
    /// The load that the endpoint reported.
    pub load: Option<Load>,
}

/// A load or a time as tables are told it: in steps of 2 to 5 percent, so that a number that jitters changes nothing.
/// `told` was told last; it stays until `now` is three quarters of a step away from it. The steps are round numbers:
/// 1.00, 1.05, … 2, 2.1, … 5, 5.25, … 10, each times a power of ten.
#[must_use]
pub fn settle(told: Option<u64>, now: u64) -> u64 {
    match told {
        Some(told) if told.abs_diff(now).saturating_mul(4) <= 3 * step(told) => told,
        _ => {
            let step = step(now);
            now.saturating_add(step / 2) / step * step
        }
    }
}

/// The step at a number: a twentieth of its power of ten, a tenth, or a quarter; at least 1.
const fn step(number: u64) -> u64 {
    let decade = if number == 0 { 1 } else { 10_u64.pow(number.ilog10()) };
    let step = match number / decade {
        0 | 1 => decade / 20,
        2..=4 => decade / 10,
        _ => decade / 4,
    };
    if step == 0 { 1 } else { step }
}

/// A time that is smoothed: each sample counts a tenth, those before it the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Smoothed {
    /// In units of a 256th of a microsecond, so that small steps are not lost.
    value: u64,
}

impl Smoothed {
    /// The first sample, microseconds, is the value.
    #[must_use]
    pub fn new(sample_us: u32) -> Self {
        Self { value: u64::from(sample_us) << 8 }
    }

    /// Takes another sample, microseconds.
    pub fn take(&mut self, sample_us: u32) {
        self.value = (9 * self.value + (u64::from(sample_us) << 8) + 5) / 10;
    }

    /// The value, microseconds.
    #[must_use]
    pub const fn us(self) -> u32 {
        ((self.value + 128) >> 8) as u32
    }
}

/// A load and when it was reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reported {
    /// The load.
    pub load: Load,
    /// When the probe ended that told it.
    pub at: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_a_number_that_makes_sense() {
        assert_eq!(Load::new(0.537), Some(Load::from_thousandths(537)));
        assert_eq!(Load::new(1_250.0).map(Load::thousandths), Some(1_250_000));
        assert_eq!((Load::new(-0.1), Load::new(f64::NAN), Load::new(f64::INFINITY)), (None, None, None));
        assert_eq!((Load::new(Load::MAX), Load::new(Load::MAX * 1.1)), (Some(Load::LARGEST), None));
    }

    #[test]
    fn a_number_that_jitters_is_told_once_and_one_that_moves_in_steps_of_at_most_five_percent() {
        assert_eq!([0, 1, 7, 49, 123, 980, 104_000].map(|now| settle(None, now)), [0, 1, 7, 49, 125, 975, 105_000]);
        for middle in [1_000_u64, 2_345, 51_700, 999_999] {
            let told = settle(None, middle);
            assert!(told.abs_diff(middle) * 40 <= middle, "{middle}: {told}");
            let jitter = middle * 24 / 1_000 / 2;
            for now in [middle - jitter / 2, middle, middle + jitter / 2] {
                assert_eq!(settle(Some(told), now), told, "{middle}");
            }
        }
        let (mut told, mut changes) = (settle(None, 10_000), 0);
        for now in 10_000..=100_000 {
            let next = settle(Some(told), now);
            changes += u32::from(next != told);
            assert!(next.abs_diff(now) * 20 <= now, "{now}: {next}");
            told = next;
        }
        assert!((60..=72).contains(&changes), "{changes}");
        assert_eq!(settle(Some(5), u64::MAX) / step(u64::MAX), u64::MAX / step(u64::MAX));
    }

    #[test]
    fn the_first_sample_is_the_time_and_each_further_one_counts_a_tenth() {
        let mut time = Smoothed::new(1_000);
        assert_eq!(time.us(), 1_000);
        time.take(2_000);
        assert_eq!(time.us(), 1_100);
        time.take(100);
        assert_eq!(time.us(), 1_000);
        (0..200).for_each(|_| time.take(7));
        assert_eq!(time.us(), 7);
        let mut long = Smoothed::new(u32::MAX);
        long.take(u32::MAX);
        assert_eq!(long.us(), u32::MAX);
    }
}
