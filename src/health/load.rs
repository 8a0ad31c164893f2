//! What endpoints say of their load, and how long their probes take: numbers that balance and shed, and never votes.

use super::Millis;

/// A reported load, in thousandths of the unit that the endpoint reports in: connections, requests a second, or a
/// utilisation from 0 to 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Load(u64);

impl Load {
    /// The largest load that can be told: a million million of the unit.
    pub const MAX: f64 = 1e12;

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
        assert_eq!((Load::new(Load::MAX).is_some(), Load::new(Load::MAX * 1.1)), (true, None));
    }
}
