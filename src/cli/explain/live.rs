//! The running server's explanation.

use super::Args;
use crate::cli::operate::strange;
use crate::clock;
use crate::control::{Answer, Explain, Request};
use crate::error::Exit;
use crate::report::{Report, type_word};

/// Asks the server; what it refuses is said here.
pub(super) fn explain(args: &Args) -> Result<Box<Report>, Exit> {
    let (address, bits) = args.client;
    let asked = Explain {
        name: args.name.clone(),
        client: bits.map_or_else(|| address.to_string(), |bits| format!("{address}/{bits}")),
        r#type: Some(type_word(args.r#type)),
        resolver: Some(args.resolver),
        at: args.at,
    };
    match args.server.ask(&Request::Explain(asked))? {
        Answer::Explained(report) => Ok(report),
        _ => Err(strange()),
    }
}

/// Seconds since 1970, from these or from a time ago: `1764115200`, `90s`, `10m`, `2h`.
pub(super) fn moment(text: &str) -> Result<u64, String> {
    let wrong = || "a moment is a number of seconds since 1970, or how long ago, like 90s, 10m, 2h".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number = digits.parse::<u64>().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "" => return Ok(number),
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    Ok(clock::unix_seconds().saturating_sub(number.saturating_mul(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        assert_eq!(moment("1764115200"), Ok(1_764_115_200));
        let ago = clock::unix_seconds() - moment("10m").unwrap();
        assert!((600..=602).contains(&ago), "{ago}");
        assert!(["", "m", "1y", "-5m", "now"].iter().all(|wrong| moment(wrong).is_err()));
    }
}
