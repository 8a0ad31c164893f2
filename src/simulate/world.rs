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

/// The middle of the largest part of an outline, if that is as wide and high as `room`; parts that are circles, which
/// stand for small islands, have none, nor have those that lie outside of what is drawn.
pub(super) fn middle(path: &str, room: (f64, f64)) -> Option<(f64, f64)> {
    let inside = |part: &(f64, f64, f64, f64)| (0.0..SIZE.0).contains(&(part.0 + part.2 / 2.0));
    let parts = path.split('M').filter_map(bounds).filter(inside);
    let largest = parts.max_by(|a, b| (a.2 * a.3).total_cmp(&(b.2 * b.3)));
    let large = largest.filter(|part| part.2 >= room.0 && part.3 >= room.1);
    large.map(|(left, top, width, height)| (left + width / 2.0, top + height / 2.0))
}

/// Left, top, width and height of one part, written as `X,YlDX,DY DX,DY …z`.
fn bounds(part: &str) -> Option<(f64, f64, f64, f64)> {
    let (start, steps) = part.trim_end_matches('z').split_once('l')?;
    let pair = |text: &str| text.split_once(',').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
    let (mut x, mut y): (f64, f64) = pair(start)?;
    let (mut left, mut top, mut right, mut low) = (x, y, x, y);
    for step in steps.split_ascii_whitespace() {
        let (dx, dy): (f64, f64) = pair(step)?;
        (x, y) = (x + dx, y + dy);
        (left, top, right, low) = (left.min(x), top.min(y), right.max(x), low.max(y));
    }
    Some((left, top, right - left, low - top))
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

    #[test]
    fn the_middle_is_that_of_the_largest_part_if_there_is_room() {
        let path = "M9,9l1,0 0,1 -1,0zM100,200l40,0 0,20 -40,0zM-900,200l40,0 0,20 -40,0zM5,5a8,8 0 1,0 16,0z";
        assert_eq!(middle(path, (30.0, 20.0)), Some((120.0, 210.0)));
        assert_eq!(middle(path, (41.0, 20.0)), None);
        let text = outlines();
        let with_room = text.lines().filter(|line| middle(line.split_once(' ').unwrap().1, (190.0, 130.0)).is_some());
        assert!((60..200).contains(&with_room.count()));
    }
}
