//! What is known of a target: pure rules from outcomes to states. A check is data here; it is executed in
//! `probe`. The clock is an argument.

mod check;
mod circuit;
mod comeback;
mod guard;
mod load;
mod schedule;
mod tracker;

pub use check::{
    CheckKind, DnsCheck, ExecCheck, GrpcCheck, HttpCheck, Identity, JsonField, JsonValue, PrivateKey, PushCheck,
    Security, Source, TlsCheck,
};
pub use circuit::{Circuit, Parts};
pub use comeback::{Comeback, ComebackRules};
pub use guard::{Canaries, Guard, GuardRules, Sites};
pub use load::{Aggregate, Load, LoadPlace, LoadSource, Reported, Sample, Smoothed, settle};
pub use schedule::{Schedule, is_stale, slowdown};
pub use tracker::Tracker;

use crate::wire::Name;
use std::net::IpAddr;

/// Milliseconds on the server's monotonic clock.
pub type Millis = u64;

/// How often a target is probed and how many outcomes change its state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timing {
    /// Milliseconds from one probe to the next.
    pub interval_ms: u32,
    /// Milliseconds that one probe may take.
    pub timeout_ms: u32,
    /// Failures before Up becomes Down.
    pub fall: u8,
    /// Successes in a row before Down becomes Up.
    pub rise: u8,
    /// Successes in a row that wipe the memory of a failure.
    pub forget: u8,
}

/// A check as configured.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Check {
    /// The name in the zone file, or the URL.
    pub name: Box<str>,
    /// What it does.
    pub kind: CheckKind,
    /// When, and how many outcomes count.
    pub timing: Timing,
    /// What its outcomes count for.
    pub voting: Voting,
}

impl Check {
    /// What makes two checks of one address the same target: what is done, when, and what its changes mean. Neither the
    /// name nor who counts the votes does.
    #[must_use]
    pub fn content(&self) -> (&CheckKind, Timing, Option<Flap>) {
        (&self.kind, self.timing, self.voting.flap)
    }
}

/// What the outcomes of a check count for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Voting {
    /// It measures and never votes.
    pub monitoring_only: bool,
    /// Targets that change too often are held down.
    pub flap: Option<Flap>,
}

/// When a target changes too often.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flap {
    /// More changes than this within the window are too many.
    pub limit: u8,
    /// The window, milliseconds.
    pub window_ms: u32,
}

/// What is probed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TargetAddress {
    /// An address.
    Ip(IpAddr),
    /// A host name, resolved before each probe.
    Host(Name),
}

/// How a probe ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// As expected.
    Pass,
    /// Not as expected.
    Fail,
    /// Could not be judged: it never votes.
    Inconclusive,
}

/// The state of a target.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TargetState {
    /// No outcome yet; counts as up.
    #[default]
    Unknown,
    /// Up.
    Up,
    /// Down.
    Down,
}
