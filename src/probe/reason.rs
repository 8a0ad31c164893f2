//! Why a probe failed, in plain words, and whether the reason is the endpoint's or ours.

use super::Ended;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::error::Error;
use std::io::{self, ErrorKind};

/// Judges an error by its chain of causes; `context` says what was being done if no cause is known.
pub(super) fn judge(error: &(dyn Error + 'static), context: &str) -> Ended {
    let mut cause = Some(error);
    let mut last = error;
    while let Some(current) = cause {
        if let Some(tls) = current.downcast_ref::<TlsError>() {
            return Ended::fail(tls_words(tls));
        }
        last = current;
        cause = current.source();
        if let Some(io) = current.downcast_ref::<io::Error>() {
            match io.get_ref() {
                None => return judge_io(io),
                // The source of a wrapping error is the source of what it wraps: step into it instead.
                Some(inner) => cause = Some(inner),
            }
        }
    }
    Ended::fail(format!("{context}: {last}"))
}

/// Judges an error of a socket.
pub(super) fn judge_io(error: &io::Error) -> Ended {
    use libc::{
        EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE, ENETDOWN, ENETUNREACH, ENFILE, ENOBUFS, ENOMEM, EPERM,
    };
    let ours = match error.raw_os_error() {
        Some(EMFILE | ENFILE) => "our own file descriptors ran out",
        // Where a source address is set, its ports run out when it is bound.
        Some(EADDRNOTAVAIL | EADDRINUSE) => "our own ports ran out, or this host has no address of that family",
        Some(ENETUNREACH | ENETDOWN | EAFNOSUPPORT) => "no route from here",
        Some(ENOBUFS | ENOMEM) => "our own memory for sockets ran out",
        Some(EPERM) => "our own firewall forbids it",
        _ => return Ended::fail(io_words(error)),
    };
    Ended::inconclusive(ours)
}

fn io_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "connection reset".into(),
        ErrorKind::UnexpectedEof => "connection closed early".into(),
        ErrorKind::HostUnreachable => "host unreachable".into(),
        ErrorKind::TimedOut => "connection timed out".into(),
        _ => error.to_string(),
    }
}

fn tls_words(error: &TlsError) -> String {
    use CertificateError as C;
    match error {
        TlsError::InvalidCertificate(certificate) => match certificate {
            C::Expired => "certificate expired".into(),
            C::ExpiredContext { time, not_after } => {
                format!("certificate expired {} days ago", days(*not_after, *time))
            }
            C::NotValidYet | C::NotValidYetContext { .. } => "certificate not valid yet".into(),
            C::NotValidForName => "certificate is for another name".into(),
            C::NotValidForNameContext { expected, presented } => {
                format!("certificate is for another name than {}: {}", expected.to_str(), presented.join(", "))
            }
            C::UnknownIssuer => "certificate of an unknown issuer".into(),
            C::Revoked => "certificate revoked".into(),
            other => format!("certificate not valid: {other}"),
        },
        TlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "TLS has no protocol in common with us (ALPN)".into()
        }
        TlsError::AlertReceived(alert) => format!("TLS refused by the endpoint: {alert:?}"),
        TlsError::InvalidMessage(_) => "no TLS spoken there".into(),
        other => format!("TLS: {other}"),
    }
}

fn days(from: UnixTime, to: UnixTime) -> u64 {
    to.as_secs().saturating_sub(from.as_secs()) / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Outcome;

    #[test]
    fn what_ran_out_here_is_not_held_against_the_endpoint() {
        let ours =
            [libc::EMFILE, libc::ENFILE, libc::EADDRNOTAVAIL, libc::EADDRINUSE, libc::ENETUNREACH, libc::ENOBUFS];
        for errno in ours {
            let ended = judge_io(&io::Error::from_raw_os_error(errno));
            assert_eq!(ended.outcome, Outcome::Inconclusive, "{errno}");
        }
        for errno in [libc::ECONNREFUSED, libc::ECONNRESET, libc::EHOSTUNREACH, libc::ETIMEDOUT] {
            let ended = judge_io(&io::Error::from_raw_os_error(errno));
            assert_eq!(ended.outcome, Outcome::Fail, "{errno}");
        }
    }

    #[test]
    fn reasons_are_plain_words() {
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert_eq!(&*judge(&refused, "connecting").note, "connection refused");
        let expired = io::Error::other(TlsError::InvalidCertificate(CertificateError::Expired));
        let expired = io::Error::other(expired);
        assert_eq!(&*judge(&expired, "connecting").note, "certificate expired");
    }
}
