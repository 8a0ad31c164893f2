//! Aligned columns, and times as people read them.

use std::fmt::Write as _;

/// Text as a terminal may have it: what a probed server said is not ours.
pub(in crate::cli) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Rows below a headline, each column as wide as its widest cell. The last column is never filled up.
pub(in crate::cli) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    let head = head.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// A moment: `2026-11-22 14:03:09 UTC`. `at` is in seconds since 1970.
pub(in crate::cli) fn moment(at: u64) -> String {
    let ([year, month, day], [hour, minute, second]) = crate::clock::calendar(at);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// A span: `45s`, `3m 5s`, `2h 10m`, `4d 3h`.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates_of_the_calendar() {
        for (at, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_200, "2024-03-01 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(moment(at), text);
        }
    }

    #[test]
    fn spans_are_as_long_as_they_say() {
        assert_eq!([45, 185, 7_860, 356_400].map(span), ["45s", "3m 5s", "2h 11m", "4d 3h"]);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [vec!["fra".to_owned(), "up".to_owned()], vec!["a-long-one".to_owned(), "\x1b[2J".to_owned()]];
        assert_eq!(table(&["POOL", "STATE"], &rows), "POOL        STATE\nfra         up\na-long-one  ?[2J\n");
    }
}
