//! What an endpoint is called in a probe: the Host header and the name that its certificate must be for. The name
//! never decides where a probe goes.

use super::host_text;
use crate::health::TargetAddress;
use rustls::pki_types::ServerName;
use std::net::IpAddr;

/// The names of one endpoint under one check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Named {
    /// With a port where it is not the usual one.
    pub(super) authority: String,
    /// A host name, or an address without brackets.
    server: String,
}

impl Named {
    /// `host` is the check's; without one the endpoint's own address or host name is the name.
    pub(super) fn new(host: Option<&str>, address: &TargetAddress, port: u16, usual: u16) -> Self {
        let own = match address {
            TargetAddress::Ip(ip) => ip.to_string(),
            TargetAddress::Host(name) => host_text(name),
        };
        let host = host.unwrap_or(&own);
        if let Some((name, port)) = host.rsplit_once(':').filter(|(name, _)| !name.contains(':'))
            && !port.is_empty()
        {
            // A Host header with a port of its own.
            return Self { authority: host.to_owned(), server: name.to_owned() };
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let written = match bare.parse::<IpAddr>() {
            Ok(IpAddr::V6(v6)) => format!("[{v6}]"),
            _ => bare.to_owned(),
        };
        let authority = if port == usual { written } else { format!("{written}:{port}") };
        Self { authority, server: bare.to_owned() }
    }

    /// The name for TLS.
    ///
    /// # Errors
    /// It is none; in words.
    pub(super) fn server(&self) -> Result<ServerName<'static>, Box<str>> {
        ServerName::try_from(self.server.clone()).map_err(|_| format!("{:?} is no TLS server name", self.server).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Name;

    #[test]
    fn the_host_header_has_the_port_unless_it_is_the_usual_one() {
        let ip = TargetAddress::Ip("2001:db8::1".parse().unwrap());
        let host = TargetAddress::Host(Name::parse("lb.example.net.").unwrap());
        for (host, address, port, authority, server) in [
            (None, &ip, 443, "[2001:db8::1]", "2001:db8::1"),
            (None, &ip, 8443, "[2001:db8::1]:8443", "2001:db8::1"),
            (None, &host, 443, "lb.example.net", "lb.example.net"),
            (Some("www.example.com"), &ip, 8443, "www.example.com:8443", "www.example.com"),
            (Some("www.example.com:80"), &ip, 443, "www.example.com:80", "www.example.com"),
            (Some("192.0.2.1"), &ip, 443, "192.0.2.1", "192.0.2.1"),
            (Some("[2001:db8::2]"), &ip, 1, "[2001:db8::2]:1", "2001:db8::2"),
            (Some("2001:db8::2"), &ip, 443, "[2001:db8::2]", "2001:db8::2"),
        ] {
            let named = Named::new(host, address, port, 443);
            assert_eq!((named.authority.as_str(), named.server.as_str()), (authority, server));
        }
    }
}
