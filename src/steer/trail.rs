//! How a decision came about, for people: the live code with a recording trail.

use crate::id::PoolId;

/// Why a pool was taken or passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PoolNote {
    /// It serves the row, or a part of its clients.
    Taken,
    /// It is live, and waits with weight 0 behind the others of its step.
    Spare,
    /// An operator drained it or took it down.
    TakenOut,
    /// It has fewer live members than `min_healthy`.
    TooFewLive,
    /// A pool that it depends on is not live.
    Unmet(PoolId),
    /// It is live and has no live address of the family.
    NoAddress,
    /// Its first outcomes are not in yet.
    Pending,
    /// A step before it was taken: nobody looked at it.
    NotReached,
}

/// What was done when no step was live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FallbackNote {
    /// Live members of a step that is below `min_healthy`.
    BelowMinimum,
    /// The members of the first step that pass their checks and that no operator took out.
    Passing,
    /// The members of the first step that no operator took out: none of them passes its checks.
    All,
    /// The members of the first step that pass their checks: an operator took every one of the step's out.
    EveryPassing,
    /// All members of the first step: an operator took every one of them out, and none passes its checks.
    Every,
    /// The fallback pool, its health not looked at.
    Pool(PoolId),
    /// SERVFAIL.
    ServFail,
    /// NODATA.
    NoData,
    /// NODATA, since no step has an address of the family.
    NoAddress,
}

/// Takes down what the resolver of rows does; `()` takes down nothing and costs nothing.
pub(super) trait Trail {
    /// A pool of the `step`th step was looked at.
    fn pool(&mut self, _step: usize, _pool: PoolId, _note: PoolNote) {}
    /// No step was live.
    fn fallback(&mut self, _note: FallbackNote) {}
}

impl Trail for () {}
