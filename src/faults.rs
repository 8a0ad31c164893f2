//! Faults on demand, to see that the server outlives them: a part is told to panic, and does so where it stands in its
//! loop. Only in builds with debug assertions; a release has nothing of it.

use crate::restart::Part;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(debug_assertions)]
static ARMED: [AtomicU32; Part::ALL.len()] = [const { AtomicU32::new(0) }; Part::ALL.len()];

/// A part panics so many times, each time it comes by; of several threads those that come first.
#[cfg(debug_assertions)]
pub fn arm(part: Part, times: u32) {
    ARMED[part as usize].store(times, Ordering::Relaxed);
}

/// How many of the panics are still to come.
#[cfg(debug_assertions)]
#[must_use]
pub fn left(part: Part) -> u32 {
    ARMED[part as usize].load(Ordering::Relaxed)
}

/// Where a part comes by.
///
/// # Panics
/// If it was told to.
#[inline(always)]
pub fn here(part: Part) {
    #[cfg(debug_assertions)]
    if ARMED[part as usize].load(Ordering::Relaxed) > 0 {
        hit(part);
    }
    #[cfg(not(debug_assertions))]
    let _ = part;
}

#[cfg(debug_assertions)]
#[cold]
fn hit(part: Part) {
    let taken = ARMED[part as usize].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    assert!(taken.is_err(), "told to panic");
}
