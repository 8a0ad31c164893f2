//! The methods, one file each: how a table is laid out when health changes, and how one answer is picked from it.

pub(super) mod failover;
pub(super) mod hash;
pub(super) mod least;
pub(super) mod nearest;
pub(super) mod response_time;
pub(super) mod round_robin;
pub(super) mod smooth;
pub(super) mod spread;
pub(super) mod weighted;
