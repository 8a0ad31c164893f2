//! HTTP and HTTPS checks. The only file that knows reqwest.
//!
//! One client an endpoint. A probe opens a connection of its own to the endpoint's address; the name in the
//! check is only the Host header and the TLS server name. No redirects, no proxy, no reuse, HTTP/1.1.

use super::tls::{TlsConfigs, Verification};
use super::{Ended, cert, host_text, reason};
use crate::clock;
use crate::health::{HttpCheck, TargetAddress};
use crate::limits;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Response, Url};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The client of one endpoint under one check.
#[derive(Debug)]
pub(super) struct HttpProbe {
    client: Client,
    request: Request,
}

impl HttpProbe {
    /// Prepares the client and its request.
    ///
    /// # Errors
    /// The check cannot be carried out; in words.
    pub(super) fn new(check: &HttpCheck, address: &TargetAddress, tls: &mut TlsConfigs) -> Result<Self, Box<str>> {
        let named = Named::new(check, address);
        // A plain client needs no verification, but without a configuration of ours reqwest would make one each.
        let verification = match named.fixed {
            _ if !(check.tls && check.tls_verify) => Verification::Off,
            Some(literal) => Verification::Address(literal),
            None => Verification::UrlName,
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls.config(verification)?)
            .tls_info(check.tls)
            .dns_resolver(Pinned(address.clone()))
            .http1_only()
            .pool_max_idle_per_host(0)
            // A connection lives no longer than its deadline: keep-alive would be three system calls for nothing.
            .tcp_keepalive(None::<Duration>)
            .tcp_keepalive_interval(None::<Duration>)
            .tcp_keepalive_retries(None::<u32>)
            // A request is one write: there is nothing that it could wait for.
            .tcp_nodelay(false)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .user_agent(concat!("geosteer/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("the check cannot be set up: {error}"))?;
        Ok(Self { client, request: named.request(check)? })
    }

    /// Asks once. The caller sets the deadline; `started` is when the probe began.
    pub(super) async fn probe(&self, check: &HttpCheck, started: Instant) -> Ended {
        let request = self.request.try_clone().expect("a request without a body can be copied");
        let response = match self.client.execute(request).await {
            Ok(response) => response,
            Err(error) => return reason::judge(&error, "no response"),
        };
        let first_byte = started.elapsed();
        let status = response.status().as_u16();
        let left = if check.tls { certificate_days(&response) } else { None };
        let left = left.map(|days| format!("; certificate expires in {days} days")).unwrap_or_default();
        if !check.expect_status.iter().any(|range| range.contains(&status)) {
            return Ended::fail(format!("status {status}{left}"));
        }
        match read(response, check.expect_body.as_deref()).await {
            Ok(true) => Ended::pass(format!("{status} in {} ms{left}", first_byte.as_millis())),
            Ok(false) => Ended::fail(format!("status {status}, but the expected text is not in the body{left}")),
            Err(error) => reason::judge(&error, "the body ended early"),
        }
    }
}

/// What stands where: the URL's host, the Host header and the name that the certificate must be for.
struct Named {
    url_host: String,
    header: Option<String>,
    fixed: Option<IpAddr>,
}

impl Named {
    fn new(check: &HttpCheck, address: &TargetAddress) -> Self {
        let own = match address {
            TargetAddress::Ip(ip) => bracketed(*ip),
            TargetAddress::Host(name) => host_text(name),
        };
        let Some(host) = check.host.as_deref() else { return Self::plain(own) };
        if let Some((name, port)) = host.rsplit_once(':').filter(|(name, _)| !name.contains(':'))
            && !port.is_empty()
        {
            // A Host header with a port of its own.
            return Self { url_host: name.to_owned(), header: Some(host.to_owned()), fixed: None };
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            // An address in a URL is connected to as it stands: the endpoint goes into the URL, the literal beside it.
            Ok(literal) if bracketed(literal) != own => {
                let default = if check.tls { 443 } else { 80 };
                let port = if check.port == default { String::new() } else { format!(":{}", check.port) };
                let header = Some(format!("{}{port}", bracketed(literal)));
                Self { url_host: own, header, fixed: Some(literal) }
            }
            Ok(_) => Self::plain(own),
            Err(_) => Self::plain(host.to_owned()),
        }
    }

    fn plain(url_host: String) -> Self {
        Self { url_host, header: None, fixed: None }
    }

    fn request(&self, check: &HttpCheck) -> Result<Request, Box<str>> {
        let scheme = if check.tls { "https" } else { "http" };
        let slash = if check.path.starts_with('/') { "" } else { "/" };
        let text = format!("{scheme}://{}:{}{slash}{}", self.url_host, check.port, check.path);
        let url = Url::parse(&text).map_err(|error| format!("{text} is not a URL: {error}"))?;
        let method = Method::from_bytes(check.method.as_bytes())
            .map_err(|_| format!("{:?} is not an HTTP method", check.method))?;
        let mut request = Request::new(method, url);
        *request.headers_mut() = self.headers(check)?;
        Ok(request)
    }

    fn headers(&self, check: &HttpCheck) -> Result<HeaderMap, Box<str>> {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if let Some(host) = &self.header {
            let value = HeaderValue::from_str(host).map_err(|_| format!("{host:?} is not a host"))?;
            headers.insert(HOST, value);
        }
        for (name, value) in &check.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header"))?;
            let value = HeaderValue::from_str(value).map_err(|_| format!("{value:?} is not a header's value"))?;
            headers.insert(header, value);
        }
        Ok(headers)
    }
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// Resolves every name to the endpoint: an address as it is, a host name through the system.
struct Pinned(TargetAddress);

impl Resolve for Pinned {
    fn resolve(&self, _name: Name) -> Resolving {
        match &self.0 {
            TargetAddress::Ip(ip) => {
                let addresses: Addrs = Box::new(std::iter::once(SocketAddr::new(*ip, 0)));
                Box::pin(std::future::ready(Ok(addresses)))
            }
            TargetAddress::Host(name) => {
                let host = host_text(name);
                Box::pin(async move {
                    let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
                    Ok(Box::new(found.into_iter()) as Addrs)
                })
            }
        }
    }
}

/// Reads the body up to its end, its limit or the text looked for; says whether that text was found.
async fn read(mut response: Response, wanted: Option<&str>) -> reqwest::Result<bool> {
    let wanted = wanted.map(str::as_bytes).filter(|text| !text.is_empty());
    let mut left = limits::PROBE_BODY_MAX;
    let mut body = Vec::new();
    while left > 0 {
        let Some(chunk) = response.chunk().await? else { break };
        let chunk = &chunk[..chunk.len().min(left)];
        left -= chunk.len();
        let Some(text) = wanted else { continue };
        let from = body.len().saturating_sub(text.len() - 1);
        body.extend_from_slice(chunk);
        if body[from..].windows(text.len()).any(|window| window == text) {
            return Ok(true);
        }
    }
    Ok(wanted.is_none())
}

/// Days until the endpoint's certificate expires, negative if it has.
fn certificate_days(response: &Response) -> Option<i64> {
    let info = response.extensions().get::<reqwest::tls::TlsInfo>()?;
    let expires = cert::not_after(info.peer_certificate()?)?;
    let now = i64::try_from(clock::unix_seconds()).ok()?;
    Some((expires - now).div_euclid(86_400))
}
