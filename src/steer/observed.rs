//! What is known of an endpoint when the live tables are laid out.

use crate::health::Load;
use crate::limits::RAMP_STEPS;
use crate::pool::Address;

/// What is known of an endpoint, gates aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observed {
    /// By family: no check says that it is down. A host name stands in the first place.
    pub up: [bool; 2],
    /// Seconds for which this cannot change; `u32::MAX` if it is not probed.
    pub steady_s: u32,
    /// Its first outcomes are not in yet.
    pub pending: bool,
    /// By family: it passes its checks, and changes too often; out unless it would take the pool down.
    pub flapping: [bool; 2],
    /// By family: it passes its checks and waits to come back; in only when nothing else of the pool is live.
    pub waits: [bool; 2],
    /// By family: no check says that it is down, whatever else keeps it out.
    pub passes: [bool; 2],
    /// By family: its part of its weight, 1 to `limits::RAMP_STEPS`.
    pub share: [u8; 2],
    /// The load that it reports, if that is fresh.
    pub load: Option<Load>,
    /// By family: how long its probes take, smoothed, microseconds.
    pub time_us: [Option<u32>; 2],
}

impl Observed {
    /// An endpoint that no check looks at.
    pub const UP: Self = Self {
        up: [true; 2],
        steady_s: u32::MAX,
        pending: false,
        flapping: [false; 2],
        waits: [false; 2],
        passes: [true; 2],
        share: [RAMP_STEPS; 2],
        load: None,
        time_us: [None; 2],
    };
    /// An endpoint that has failed, and that nothing probes.
    pub const DOWN: Self = Self { up: [false; 2], passes: [false; 2], ..Self::UP };
}

/// The families in which an endpoint can be answered; a host name stands in the first place.
pub(crate) const fn lanes(address: &Address) -> [bool; 2] {
    match address {
        Address::Ip { v4, v6 } => [v4.is_some(), v6.is_some()],
        Address::Host(_) => [true, false],
    }
}
