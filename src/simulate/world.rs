//! The outlines of the countries that are part of the binary (see `world/README.md`).

use std::io::Read;

/// Lines of a country's code and its outline, compressed with zstd.
const COMPRESSED: &[u8] = include_bytes!("../../world/world-paths.txt.zst");

/// Largest size decompressed, octets; larger means a broken build.
const SIZE_MAX: u64 = 1 << 20;

/// The width and height of what is drawn of them: parts that come again on the other edge, and the sea around the
/// missing Antarctica, lie outside.
pub(super) const SIZE: (f64, f64) = (10_000.0, 4_080.0);

/// Lines of a code, a space and the `d` of an SVG path.
pub(crate) fn outlines() -> String {
    let mut text = String::new();
    // The bytes are ours: a broken build has an empty map, and a test sees it.
    if let Ok(decoder) = zstd::Decoder::new(COMPRESSED) {
        let _ = decoder.take(SIZE_MAX).read_to_string(&mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::{Country, country_by_code};

    #[test]
    fn every_outline_is_a_path_of_a_country() {
        let text = outlines();
        for line in text.lines() {
            let (code, path) = line.split_once(' ').unwrap();
            assert!(Country::parse(code).and_then(country_by_code).is_some(), "{code}");
            assert!(path.starts_with('M') && path.chars().all(|c| "0123456789,- Mlaz".contains(c)), "{code}");
        }
        assert!(text.lines().count() > 220, "the whole world");
    }
}
