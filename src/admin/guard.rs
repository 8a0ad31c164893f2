//! Who may ask: a page of somebody else's must not (Host, Origin), and who is not on this machine, or wants to change
//! something, needs the token.

use super::token::Token;
use crate::admin::problem::Problem;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use std::net::{IpAddr, Ipv6Addr};

/// What a request may do without the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    /// Everybody may see it: the page itself, which holds nothing of this server, and whether it is well.
    Open,
    /// Whoever is on this machine may see it.
    Read,
    /// It needs the token.
    Write,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The client's address.
    pub(super) peer: IpAddr,
    /// The address that it connected to.
    pub(super) local: IpAddr,
}

/// The rules.
#[derive(Debug)]
pub struct Guard {
    token: Option<Token>,
    hosts: Vec<Box<str>>,
}

impl Guard {
    /// Rules with a token, if there is one, and names by which people call this server.
    #[must_use]
    pub fn new(token: Option<Token>, hosts: Vec<Box<str>>) -> Self {
        Self { token, hosts }
    }

    /// Looks at the head of a request.
    pub(super) fn check(&self, head: &Parts, ends: Ends) -> Result<(), Problem> {
        let host = self.host(head, ends)?;
        own_page(head, &host)?;
        match access(&head.method, head.uri.path()) {
            Access::Open => Ok(()),
            Access::Read if ends.peer.is_loopback() => Ok(()),
            Access::Read | Access::Write => self.token(&head.headers),
        }
    }

    /// The host that is asked for, with its port, if it is one of ours: else a page anywhere could have its own name
    /// lead here (DNS rebinding), and read with the browser's eyes.
    fn host(&self, head: &Parts, ends: Ends) -> Result<String, Problem> {
        let mut all = head.headers.get_all(HOST).iter();
        let (first, more) = (all.next().and_then(|host| host.to_str().ok()), all.next());
        let host = first.filter(|_| more.is_none());
        let host = host.ok_or_else(|| Problem::forbidden("a request has one Host"))?.to_ascii_lowercase();
        let absolute = head.uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
        if absolute.is_some_and(|absolute| absolute != host) || !self.is_ours(&host, ends.local) {
            return Err(Problem::forbidden(
                "this Host is not one of the server's: its address, localhost, or a name of `[admin] hosts`",
            ));
        }
        Ok(host)
    }

    fn is_ours(&self, host: &str, local: IpAddr) -> bool {
        let name = without_port(host);
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let address = match bare {
            Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::from),
            None => name.parse::<IpAddr>().ok(),
        };
        match address {
            Some(address) => address.is_loopback() || address.to_canonical() == local,
            None => name == "localhost" || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name)),
        }
    }

    fn token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = &self.token else {
            let why = "the server has no `[admin] token_file`: it takes orders over its control socket only";
            return Err(Problem::unauthorized(why));
        };
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (first, more) = (all.next(), all.next());
        let said = first.filter(|_| more.is_none()).and_then(|said| bearer(said.as_bytes()));
        match said {
            Some(said) if token.is(said) => Ok(()),
            Some(_) => Err(Problem::unauthorized("this is not the token")),
            None => Err(Problem::unauthorized("this needs `Authorization: Bearer TOKEN`")),
        }
    }
}

/// What stands behind `Bearer` (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(said: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = said.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// What changes nothing and is no secret needs no token; whatever is not known to be so does.
fn access(method: &Method, path: &str) -> Access {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Access::Write;
    }
    match path {
        "/" | "/healthz" | "/readyz" | "/openapi.json" => Access::Open,
        _ if path.starts_with("/assets/") => Access::Open,
        _ => Access::Read,
    }
}

/// A browser tells whose page asks: only our own may, and people may follow a link to the page.
fn own_page(head: &Parts, host: &str) -> Result<(), Problem> {
    let foreign = || Problem::forbidden("a page of another site asks: its Origin is not this Host");
    let mut origins = head.headers.get_all(ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let same = origin.to_str().is_ok_and(|origin| is_origin_of(&origin.to_ascii_lowercase(), host));
        return if same && origins.next().is_none() { Ok(()) } else { Err(foreign()) };
    }
    let said = |name: &str| head.headers.get(name).map(|value| value.as_bytes());
    let elsewhere = said("sec-fetch-site").is_some_and(|site| !matches!(site, b"same-origin" | b"none"));
    let link = said("sec-fetch-mode") == Some(b"navigate") && access(&head.method, head.uri.path()) == Access::Open;
    if elsewhere && !link { Err(foreign()) } else { Ok(()) }
}

/// True if an origin is that of a page from this host; a proxy in front may speak TLS.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let usual = [("http://", ":80"), ("https://", ":443")];
    usual.iter().any(|(scheme, port)| {
        origin
            .strip_prefix(scheme)
            .is_some_and(|at| at == host || at.trim_end_matches(port) == host.trim_end_matches(port))
    })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) && !is_cut(name) => name,
        _ => host,
    }
}

/// True for what is left of an IPv6 address without its end.
fn is_cut(name: &str) -> bool {
    name.starts_with('[') && !name.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{Request, StatusCode};
    use axum::response::IntoResponse as _;

    const TOKEN: &str = "a token that nobody guesses";

    /// The status of a request, `None` if it may pass.
    fn status(method: &str, path: &str, headers: &[(&str, &str)], peer: &str) -> Option<u16> {
        let guard = Guard::new(Some(Token::new(TOKEN.as_bytes())), vec!["ops.example.net".into()]);
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let ends = Ends { peer: peer.parse().unwrap(), local: "192.0.2.53".parse().unwrap() };
        let answer = guard.check(&request.body(()).unwrap().into_parts().0, ends).err()?;
        let answer = answer.into_response();
        if answer.status() == StatusCode::UNAUTHORIZED {
            assert!(answer.headers().contains_key("www-authenticate"));
        }
        Some(answer.status().as_u16())
    }

    #[test]
    fn a_host_is_an_address_of_the_server_or_a_name_that_it_is_told() {
        let of = |host| status("GET", "/api/v1/status", &[("host", host)], "127.0.0.1");
        for ours in ["127.0.0.1:8053", "localhost", "LOCALHOST:9", "[::1]:8053", "192.0.2.53:1", "ops.example.net:80"] {
            assert_eq!(of(ours), None, "{ours}");
        }
        for other in ["evil.example", "127.0.0.1.evil.example:8053", "192.0.2.54", "", "[::1", "localhost.", "a b"] {
            assert_eq!(of(other), Some(403), "{other}");
        }
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(status("GET", "/", &two, "127.0.0.1"), Some(403));
        assert_eq!(status("GET", "/", &[], "127.0.0.1"), Some(403));
        assert_eq!(status("GET", "http://evil.example/", &[("host", "localhost")], "127.0.0.1"), Some(403));
    }

    #[test]
    fn an_origin_is_that_of_the_host_or_the_request_is_forbidden() {
        let host = ("host", "localhost:8053");
        let of = |name, value| status("GET", "/api/v1/status", &[host, (name, value)], "127.0.0.1");
        assert_eq!(of("origin", "http://localhost:8053"), None);
        for other in ["http://localhost", "http://localhost:80530", "http://evil.example", "null", "", "localhost:8053"]
        {
            assert_eq!(of("origin", other), Some(403), "{other}");
        }
        let proxied = [("host", "ops.example.net"), ("origin", "https://ops.example.net")];
        assert_eq!(status("GET", "/", &proxied, "127.0.0.1"), None);
        assert_eq!(of("sec-fetch-site", "same-origin"), None);
        assert_eq!(of("sec-fetch-site", "cross-site"), Some(403));
        let link = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(status("GET", "/", &link, "127.0.0.1"), None);
        assert_eq!(status("GET", "/api/v1/simulate", &link, "127.0.0.1"), Some(403));
    }

    #[test]
    fn writes_need_the_token_and_beyond_this_machine_reads_do_too() {
        let host = ("host", "192.0.2.53:8053");
        let with = |said| [host, ("authorization", said)];
        let right = format!("Bearer {TOKEN}");
        for peer in ["127.0.0.1", "192.0.2.9"] {
            for (method, path) in [("POST", "/api/v1/overrides"), ("DELETE", "/"), ("PUT", "/healthz")] {
                assert_eq!(status(method, path, &[host], peer), Some(401), "{method} {path}");
                assert_eq!(status(method, path, &with(&right), peer), None, "{method} {path}");
                assert_eq!(status(method, path, &with("bearer  wrong"), peer), Some(401));
                assert_eq!(status(method, path, &with(TOKEN), peer), Some(401));
            }
            assert_eq!(status("GET", "/healthz", &[host], peer), None);
        }
        assert_eq!(status("GET", "/api/v1/status", &[host], "127.0.0.1"), None);
        assert_eq!(status("GET", "/metrics", &[host], "192.0.2.9"), Some(401));
        assert_eq!(status("GET", "/metrics", &with(&right), "192.0.2.9"), None);
    }

    #[test]
    fn without_a_token_nothing_is_changed_over_tcp() {
        let guard = Guard::new(None, Vec::new());
        let request = Request::post("/api/v1/reload").header("host", "localhost").header("authorization", "Bearer ");
        let ends = Ends { peer: "127.0.0.1".parse().unwrap(), local: "127.0.0.1".parse().unwrap() };
        let answer = guard.check(&request.body(()).unwrap().into_parts().0, ends).unwrap_err().into_response();
        assert_eq!(answer.status(), 401);
    }
}
