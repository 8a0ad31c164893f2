//! The one clock: the only calls of `Instant::now` and `SystemTime::now`. Everything that decides takes the
//! time as an argument.

use crate::health::Millis;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static START: OnceLock<Instant> = OnceLock::new();

/// The monotonic clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the monotonic clock is read")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Nanoseconds since a reading of the monotonic clock.
#[must_use]
pub fn nanoseconds_since(then: Instant) -> u64 {
    u64::try_from(instant().saturating_duration_since(then).as_nanos()).unwrap_or(u64::MAX)
}

/// Where the monotonic clock begins, milliseconds: a day, so that what happened before the start has a time as well.
const START_MS: u64 = 86_400_000;

/// A reading of the monotonic clock in nanoseconds since the first one in this process, but for a day.
#[must_use]
pub fn nanoseconds(at: Instant) -> u64 {
    let since = at.saturating_duration_since(*START.get_or_init(|| at));
    START_MS * 1_000_000 + since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
}

/// Milliseconds on the server's monotonic clock: a day, and what has passed since its first reading in this process.
#[must_use]
pub fn millis() -> Millis {
    let now = instant();
    let start = *START.get_or_init(|| now);
    START_MS.saturating_add(u64::try_from(now.saturating_duration_since(start).as_millis()).unwrap_or(u64::MAX))
}

/// Seconds since 1970-01-01 UTC by the wall clock, which jumps when somebody sets it: for people, files and other hosts.
#[must_use]
pub fn unix_seconds() -> u64 {
    unix_millis() / 1_000
}

/// Milliseconds since 1970-01-01 UTC by the wall clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    #[cfg(debug_assertions)]
    let millis = millis.saturating_add_signed(JUMPED_MS.load(std::sync::atomic::Ordering::Relaxed));
    millis
}

#[cfg(debug_assertions)]
static JUMPED_MS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// Sets the wall clock forward or back, as far as this process is concerned: to see that nothing minds. Only in builds
/// with debug assertions.
#[cfg(debug_assertions)]
pub fn jump(seconds: i64) {
    let _before = JUMPED_MS.fetch_add(seconds.saturating_mul(1_000), std::sync::atomic::Ordering::Relaxed);
}

/// The wall clock when [`millis`] was 0, milliseconds since 1970-01-01 UTC; what it was found to be first.
#[must_use]
pub fn epoch_ms() -> u64 {
    static EPOCH: OnceLock<u64> = OnceLock::new();
    *EPOCH.get_or_init(|| {
        let monotonic = millis();
        unix_millis().saturating_sub(monotonic)
    })
}

/// Milliseconds since 1970-01-01 UTC by a clock that never jumps: the wall clock when it was read first, and what has
/// passed since. What ends, begins or expires here goes by it.
#[must_use]
pub fn steady_millis() -> u64 {
    epoch_ms().saturating_add(millis())
}

/// The same in seconds.
#[must_use]
pub fn steady_seconds() -> u64 {
    steady_millis() / 1_000
}

/// Year, month and day of the Gregorian calendar, and hour, minute and second, in UTC; `at` is in seconds since 1970.
#[must_use]
pub const fn calendar(at: u64) -> ([u64; 3], [u64; 3]) {
    let (days, of_day) = (at / 86_400, at % 86_400);
    // By eras of 400 years that begin in March (Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + (month <= 2) as u64;
    ([year, month, day], [of_day / 3_600, of_day / 60 % 60, of_day % 60])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_clock_counts_from_its_first_reading_and_never_backwards() {
        let first = super::millis();
        assert!(super::millis() >= first);
        assert!(super::unix_seconds() > 1_700_000_000);
    }

    #[test]
    #[cfg(debug_assertions)]
    fn the_steady_clock_stays_where_it_is_when_the_wall_clock_jumps() {
        let (wall, steady) = (super::unix_seconds(), super::steady_seconds());
        super::jump(3_600);
        let (later, still) = (super::unix_seconds(), super::steady_seconds());
        super::jump(-3_600);
        assert!(later >= wall + 3_600, "the wall clock jumped");
        assert!(still - steady < 1_800, "the steady one did not");
    }
}
