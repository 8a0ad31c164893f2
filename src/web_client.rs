//! HTTP from here to others: to the webhook's receiver, to the admin servers of the fleet. The only file that knows
//! reqwest. Certificates are verified against the authorities that this system trusts. Redirects are not followed: what
//! is sent goes to the URL that was configured and nowhere else.

pub use reqwest::{Method, StatusCode, Url};

use reqwest::{Client, ClientBuilder, Response};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// A client; copies of it share their connections.
#[derive(Clone, Debug)]
pub struct WebClient(Client);

/// A response whose body has not been read.
#[derive(Debug)]
pub struct Reply(Response);

impl WebClient {
    /// A client for whatever is out there, through the proxy that the environment names. A request has `patience` in all.
    ///
    /// # Errors
    /// In words: TLS cannot be set up.
    pub fn new(patience: Duration) -> Result<Self, String> {
        Self::build(Client::builder().timeout(patience))
    }

    /// A client for servers of one's own, which no proxy stands before. A server that does not take the connection
    /// within `connect` is not there.
    ///
    /// # Errors
    /// As [`WebClient::new`].
    pub fn direct(patience: Duration, connect: Duration) -> Result<Self, String> {
        Self::build(Client::builder().timeout(patience).connect_timeout(connect).no_proxy())
    }

    fn build(builder: ClientBuilder) -> Result<Self, String> {
        let tls = tls().map_err(|error| error.to_string())?;
        let client = builder
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("geosteer/", env!("CARGO_PKG_VERSION")));
        client.build().map(Self).map_err(|error| words(&error))
    }

    /// Sends a request; gives the response to it, whatever its status.
    ///
    /// # Errors
    /// In words, without the URL, which may hold a secret: there is no response.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&'static str, &str)],
        body: String,
    ) -> Result<Reply, String> {
        let plain = self.0.request(method, url.clone()).body(body);
        let request = headers.iter().fold(plain, |request, (name, value)| request.header(*name, *value));
        request.send().await.map(Reply).map_err(|error| words(&error.without_url()))
    }
}

impl Reply {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The body, of at most `most` octets.
    ///
    /// # Errors
    /// In words: it is longer, or breaks off.
    pub async fn body(mut self, most: u64) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while let Some(part) = self.0.chunk().await.map_err(|error| words(&error.without_url()))? {
            body.extend_from_slice(&part);
            if body.len() as u64 > most {
                return Err(format!("a reply has at most {most} octets"));
            }
        }
        Ok(body)
    }
}

/// An error with its causes.
fn words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}

/// Verifies certificates against the authorities that this system trusts.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder =
        ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
