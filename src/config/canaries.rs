//! `[guard] canaries`: what is probed outside of the fleet, as URLs.

use super::Code;
use super::checks;
use super::diagnostic::Diagnostic;
use super::walk::{Ctx, Node};
use crate::health::{Check, CheckKind, HttpCheck, Security, TargetAddress, Timing, Voting};
use crate::limits::{CANARIES_MAX, CANARY_FALL, CANARY_INTERVAL_MS, CANARY_RISE, CANARY_TIMEOUT_MS, FORGET};
use crate::wire::Name;

/// Something outside of the fleet that should always answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Canary {
    /// Where it is.
    pub address: TargetAddress,
    /// How it is probed; called by its URL.
    pub check: Check,
}

const TIMING: Timing = Timing {
    interval_ms: CANARY_INTERVAL_MS,
    timeout_ms: CANARY_TIMEOUT_MS,
    fall: CANARY_FALL,
    rise: CANARY_RISE,
    forget: FORGET,
};

/// Reads the list.
pub(super) fn read(ctx: &mut Ctx, node: Node<'_>) -> Vec<Canary> {
    let mut canaries: Vec<Canary> = Vec::new();
    for (span, text) in ctx.strings(node, "a canary") {
        match canary(text) {
            Ok(canary) if canaries.contains(&canary) => {
                ctx.error(Code::DefinedTwice, span, format!("{text} is listed twice"), "again");
            }
            Ok(canary) => canaries.push(canary),
            Err(why) => {
                let found = Diagnostic::new(Code::BadUrl, span, format!("\"{text}\" is no canary: {why}"));
                ctx.push(found.label("not a URL that can be probed").help(
                    "write it like \"https://www.example.org\" or \"tcp://192.0.2.53:53\"; it must stand outside of your fleet",
                ));
            }
        }
    }
    if canaries.len() > CANARIES_MAX {
        let message = format!("there are at most {CANARIES_MAX} canaries, not {}", canaries.len());
        ctx.error(Code::OutOfRange, node.span, message, "too many");
    }
    canaries
}

fn canary(text: &str) -> Result<Canary, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("it must begin with http://, https:// or tcp://")?;
    let kind = match checks::url(scheme, rest)? {
        // Whatever it answers, it was reached: no body is waited for, and whose certificate it has is its own affair.
        CheckKind::Http(check) => CheckKind::Http(HttpCheck {
            method: "HEAD".into(),
            tls: check.tls.map(|tls| Security { verify: false, ..tls }),
            expect_status: Box::new([100..=599]),
            ..check
        }),
        kind => kind,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = match bare.parse() {
        Ok(address) => TargetAddress::Ip(address),
        Err(_) => match Name::parse(bare) {
            Ok(name) if name.wire().len() > 1 => TargetAddress::Host(name.to_lowercase()),
            _ => return Err("it has no host"),
        },
    };
    Ok(Canary { address, check: Check { name: text.into(), kind, timing: TIMING, voting: Voting::default() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_reached_at_the_host_of_its_url_and_any_answer_will_do() {
        let https = canary("https://Status.example.org/ok").unwrap();
        assert_eq!(https.address, TargetAddress::Host(Name::parse("status.example.org").unwrap()));
        let CheckKind::Http(check) = https.check.kind else { panic!("{:?}", https.check) };
        assert_eq!((check.port, &*check.path, &*check.expect_status), (443, "/ok", &[100..=599][..]));
        assert_eq!((&*check.method, check.tls.map(|tls| tls.verify)), ("HEAD", Some(false)));
        for (text, ip) in [("tcp://192.0.2.53:53", "192.0.2.53"), ("http://[2001:db8::1]:8080/", "2001:db8::1")] {
            assert_eq!(canary(text).unwrap().address, TargetAddress::Ip(ip.parse().unwrap()));
        }
        for wrong in ["192.0.2.1", "tcp://192.0.2.1", "tcp://:53", "ftp://192.0.2.1", "https:///x"] {
            assert!(canary(wrong).is_err(), "{wrong}");
        }
    }
}
