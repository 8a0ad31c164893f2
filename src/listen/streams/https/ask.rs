//! What an HTTP request asks (RFC 8484 §4.1): a message in its target or in its body, or nothing that is answered.

use crate::limits::STREAM_REPLY_MAX;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};

/// Where queries are taken.
pub(super) const PATH: &str = "/dns-query";
/// What they are, and replies too.
pub(super) const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/dns-message");
/// The methods that there are.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// Seconds after which it is worth trying again.
pub(super) const SOON: HeaderValue = HeaderValue::from_static("1");

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// This message.
    Message(Vec<u8>),
    /// What the body says; its length, if that is said before.
    InBody(Option<usize>),
    /// Nothing that is answered.
    Refused(StatusCode),
}

/// Reads the head of a request.
pub(super) fn read(head: &Parts) -> Asked {
    let refused = Asked::Refused;
    if head.uri.path() != PATH {
        return refused(StatusCode::NOT_FOUND);
    }
    if head.method != Method::GET && head.method != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !accepts(&head.headers) {
        return refused(StatusCode::NOT_ACCEPTABLE);
    }
    if head.method == Method::GET {
        return in_target(head.uri.query().unwrap_or_default()).map_or_else(refused, Asked::Message);
    }
    if !is_message(head.headers.get(CONTENT_TYPE)) {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    match length {
        Some(length) if length > STREAM_REPLY_MAX => refused(StatusCode::PAYLOAD_TOO_LARGE),
        length => Asked::InBody(length),
    }
}

/// The message of the variable `dns`: base64url without padding (RFC 8484 §6).
fn in_target(query: &str) -> Result<Vec<u8>, StatusCode> {
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix("dns="));
    let (Some(text), None) = (values.next(), values.next()) else { return Err(StatusCode::BAD_REQUEST) };
    if text.len() > STREAM_REPLY_MAX.div_ceil(3) * 4 {
        return Err(StatusCode::URI_TOO_LONG);
    }
    match URL_SAFE_NO_PAD.decode(text) {
        Ok(message) if !message.is_empty() => Ok(message),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

fn is_message(value: Option<&HeaderValue>) -> bool {
    let essence = value.and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().as_bytes().eq_ignore_ascii_case(MEDIA_TYPE.as_bytes()))
}

/// True if the client takes our media type; who says nothing takes any.
fn accepts(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    let takes = |range: &str| {
        let essence = range.split(';').next().unwrap_or_default().trim();
        ["*/*", "application/*", "application/dns-message"].iter().any(|ours| essence.eq_ignore_ascii_case(ours))
    };
    values.peek().is_none() || values.any(|value| value.to_str().is_ok_and(|text| text.split(',').any(takes)))
}

/// True if the octets are the head of a DNS query: what gets no reply then will have one later.
pub(super) fn is_query(message: &[u8]) -> bool {
    message.len() >= 12 && message[2] & 0x80 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn asked(method: &str, target: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn rfc_8484_section_4_1_get_has_the_message_in_its_target() {
        for (target, message) in [
            ("/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB", 33),
            ("https://ns1.example.net/dns-query?dns=AAAB", 3),
            ("/dns-query?x=1&dns=AAAB&y", 3),
            ("/dns-query?dns=_-8", 2),
        ] {
            let Asked::Message(found) = asked("GET", target, &[]) else { panic!("{target}") };
            assert_eq!(found.len(), message);
        }
    }

    #[test]
    fn what_is_no_base64url_without_padding_or_not_there_once_is_a_bad_request() {
        for target in [
            "",
            "?",
            "?dns",
            "?dns=",
            "?dns=AAA=",
            "?dns=AA+B",
            "?dns=A",
            "?dns=AAAB&dns=AAAB",
            "?dnsx=AAAB",
            "?dns=%41AAB",
        ] {
            let target = format!("/dns-query{target}");
            assert_eq!(asked("GET", &target, &[]), Asked::Refused(StatusCode::BAD_REQUEST), "{target}");
        }
    }

    #[test]
    fn each_mistake_has_its_status() {
        let post = |headers: &[(&str, &str)]| asked("POST", "/dns-query", headers);
        let ours = ("content-type", "application/dns-message");
        let refused = |status: u16| Asked::Refused(StatusCode::from_u16(status).unwrap());
        assert_eq!(asked("GET", "/", &[]), refused(404));
        assert_eq!(asked("GET", "/dns-query/", &[]), refused(404));
        assert_eq!(asked("PUT", "/dns-query", &[ours]), refused(405));
        assert_eq!(asked("HEAD", "/dns-query?dns=AAAB", &[]), refused(405));
        assert_eq!(post(&[]), refused(415));
        assert_eq!(post(&[("content-type", "application/dns-json")]), refused(415));
        assert_eq!(post(&[("content-type", "application/dns-message-x")]), refused(415));
        assert_eq!(post(&[ours, ("content-length", "65536")]), refused(413));
        assert_eq!(post(&[ours, ("content-length", "65535")]), Asked::InBody(Some(65_535)));
        assert_eq!(post(&[("content-type", "Application/DNS-Message; x=y")]), Asked::InBody(None));
        let long = format!("/dns-query?dns={}", "A".repeat(65_535 / 3 * 4 + 1));
        // Longer than any target that hyper's own types take is refused before us.
        assert!(long.parse::<hyper::Uri>().is_err());
    }

    #[test]
    fn who_takes_something_else_only_is_told_so() {
        let accept = |value: &'static str| asked("GET", "/dns-query?dns=AAAB", &[("accept", value)]);
        for value in ["application/dns-message", "*/*", "text/html, application/*;q=0.5", "APPLICATION/DNS-MESSAGE;q=1"]
        {
            assert_eq!(accept(value), Asked::Message(vec![0, 0, 1]), "{value}");
        }
        for value in ["application/dns-json", "text/html", ""] {
            assert_eq!(accept(value), Asked::Refused(StatusCode::NOT_ACCEPTABLE), "{value}");
        }
    }
}
