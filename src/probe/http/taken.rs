//! What is read of a response, and what is kept of it: never more than the first 64 KiB of its body.

use crate::limits::PROBE_BODY_MAX;
use std::ops::RangeInclusive;

/// What is read of a response.
#[derive(Clone, Copy, Debug)]
pub(in crate::probe) struct Reading<'a> {
    /// The body is read only after one of these statuses.
    pub(in crate::probe) statuses: &'a [RangeInclusive<u16>],
    /// Keep the body.
    pub(in crate::probe) keep: bool,
    /// Stop as soon as this text was read; the body is kept.
    pub(in crate::probe) until: Option<&'a [u8]>,
    /// Keep this header.
    pub(in crate::probe) header: Option<&'a str>,
}

impl Reading<'_> {
    /// The body behind this status is read.
    pub(super) fn reads(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(&status))
    }
}

/// What was taken of a body so far.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    reading: Reading<'a>,
    left: usize,
    /// There was more than is taken.
    pub(super) more: bool,
    /// The body as far as it was kept.
    pub(super) body: Vec<u8>,
    /// The text to stop at was read.
    pub(super) found: bool,
}

impl<'a> Taken<'a> {
    pub(super) fn new(reading: Reading<'a>) -> Self {
        Self { reading, left: PROBE_BODY_MAX, more: false, body: Vec::new(), found: false }
    }

    /// Takes the next part of the body.
    pub(super) fn take(&mut self, chunk: &[u8]) {
        self.more |= chunk.len() > self.left;
        let chunk = &chunk[..chunk.len().min(self.left)];
        self.left -= chunk.len();
        if self.found || !self.reading.keep && self.reading.until.is_none() {
            return;
        }
        let before = self.body.len();
        self.body.extend_from_slice(chunk);
        if let Some(text) = self.reading.until {
            let from = before.saturating_sub(text.len() - 1);
            self.found = self.body[from..].windows(text.len()).any(|window| window == text);
        }
    }

    /// Nothing that still comes can matter. A body that is kept must be known to be whole: it is read until it ends,
    /// or until there is more of it than is taken.
    pub(super) fn enough(&self) -> bool {
        self.found || self.more || self.left == 0 && !self.reading.keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(keep: bool, until: Option<&[u8]>) -> Reading<'_> {
        Reading { statuses: &[], keep, until, header: None }
    }

    #[test]
    fn a_text_is_found_over_the_border_of_two_parts_and_ends_the_reading() {
        let mut taken = Taken::new(reading(false, Some(b"needle")));
        taken.take(b"hay nee");
        assert!(!taken.enough());
        taken.take(b"dle hay");
        assert!(taken.found && taken.enough());
    }

    #[test]
    fn of_a_body_that_is_kept_the_first_64_kib_are_and_it_is_known_whether_there_was_more() {
        for (keep, until) in [(true, None), (false, Some(&b"no"[..])), (false, None)] {
            let mut taken = Taken::new(reading(keep, until));
            taken.take(&[b'x'; PROBE_BODY_MAX]);
            assert_eq!(taken.body.len(), if keep || until.is_some() { PROBE_BODY_MAX } else { 0 });
            assert_eq!(taken.enough(), !keep, "only who keeps it must know whether there is more");
            taken.take(b"x");
            assert!(taken.enough() && taken.body.len() <= PROBE_BODY_MAX);
        }
    }
}
