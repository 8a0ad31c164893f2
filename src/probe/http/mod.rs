//! HTTP and HTTPS checks.
//!
//! A probe opens a connection of its own to the endpoint's address; the name in the check is only the Host header
//! and the TLS server name. No redirects, no proxy, no reuse.

mod exchange;
mod expect;
mod load;
mod message;
mod plain;
mod taken;

pub(super) use exchange::Ask;
pub(super) use taken::Reading;

use super::Ended;
use super::connect::Way;
use super::host::Named;
use super::progress::Progress;
use super::tls::{Alpn, Secure, TlsConfigs};
use crate::health::{HttpCheck, LoadPlace, TargetAddress};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// What probes call themselves unless the check says otherwise.
pub(super) const USER_AGENT: &str = concat!("geosteer/", env!("CARGO_PKG_VERSION"));

/// One endpoint under one check.
pub(super) struct HttpProbe {
    way: Way,
    secure: Option<Secure>,
    ask: Ask,
}

impl HttpProbe {
    /// Prepares its request.
    ///
    /// # Errors
    /// The check cannot be carried out; in words.
    pub(super) fn new(check: &HttpCheck, address: &TargetAddress, tls: &mut TlsConfigs) -> Result<Self, Box<str>> {
        let (scheme, usual) = if check.tls.is_some() { ("https", 443) } else { ("http", 80) };
        let named = Named::new(check.host.as_deref(), address, check.port, usual);
        let alpn = if check.http2 { Alpn::Http2 } else { Alpn::Http1 };
        let secure = check.tls.as_ref().map(|security| Secure::new(security, &named, alpn, tls)).transpose()?;
        let usual = [("accept", "*/*"), ("user-agent", check.user_agent.as_deref().unwrap_or(USER_AGENT))];
        let own = check.headers.iter().map(|(name, value)| (&**name, &**value));
        let headers: Vec<_> = usual.into_iter().chain(own).collect();
        let slash = if check.path.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{}", check.path);
        let ask = Ask::new((&check.method, scheme, &named.authority, &path), check.http2, &headers, b"")?;
        Ok(Self { way: Way::new(address, check.port, check.source), secure, ask })
    }

    /// Asks once. The caller sets the deadline.
    pub(super) async fn probe(&self, check: &HttpCheck, progress: &Progress) -> Ended {
        let stream = match self.way.tcp(progress).await {
            Ok(stream) => stream,
            Err(ended) => return ended,
        };
        match &self.secure {
            None => self.ask(check, stream, "", progress).await,
            // On the heap: the state of TLS is large, and every probe would have room for it.
            Some(secure) => Box::pin(self.secured(check, secure, stream, progress)).await,
        }
    }

    async fn secured(&self, check: &HttpCheck, secure: &Secure, stream: TcpStream, progress: &Progress) -> Ended {
        match secure.handshake(stream, progress).await {
            Ok((stream, left)) => self.ask(check, stream, &left, progress).await,
            Err(ended) => ended,
        }
    }

    /// Asks over this connection; `left` stands behind the note.
    pub(super) async fn ask<S>(&self, check: &HttpCheck, stream: S, left: &str, progress: &Progress) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let until = check.expect_body.as_deref().map(str::as_bytes).filter(|text| !text.is_empty());
        let in_body = check.load.as_ref().is_some_and(|load| matches!(load.place, LoadPlace::Body(_)));
        let keep = !check.expect_json.is_empty() || in_body;
        // The whole of a JSON text is needed: the text that must stand in it is looked for afterwards.
        let header = check.load.as_ref().and_then(|load| match &load.place {
            LoadPlace::Header { name, .. } => Some(&**name),
            LoadPlace::Body(_) => None,
        });
        let reading = Reading { statuses: &check.expect_status, keep, until: until.filter(|_| !keep), header };
        let answer = match self.ask.send(stream, reading, progress).await {
            Ok(answer) => answer,
            Err(ended) => return ended,
        };
        let status = answer.status;
        if !check.expect_status.iter().any(|range| range.contains(&status)) {
            return Ended::fail(format!("status {status}{left}"));
        }
        let stands = |text: &[u8]| answer.found || answer.body.windows(text.len()).any(|window| window == text);
        if until.is_some_and(|text| !stands(text)) {
            return Ended::fail(format!("status {status}, but the expected text is not in the body{left}"));
        }
        if !check.expect_json.is_empty()
            && let Err(why) = expect::json(&answer.body, answer.whole, &check.expect_json)
        {
            return Ended::fail(format!("status {status}, but {why}{left}"));
        }
        let ended = Ended::pass(format!("{status} in {} ms{left}", progress.first_byte().as_millis()));
        match &check.load {
            None => ended,
            Some(source) => ended.with_load(load::read(source, &answer)),
        }
    }
}
