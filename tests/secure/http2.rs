//! An HTTP/2 client on a runtime of its own.

use super::{NAME, Pair, Response, base64url};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

/// A connection.
pub struct Http2<B: Body + 'static = Full<Bytes>> {
    pub runtime: Runtime,
    pub sender: SendRequest<B>,
}

/// A GET of a message.
pub fn get(message: &[u8]) -> hyper::Request<Full<Bytes>> {
    let target = format!("https://{NAME}/dns-query?dns={}", base64url(message));
    hyper::Request::get(target).body(Full::default()).unwrap()
}

/// A POST of a message.
pub fn post(message: &[u8]) -> hyper::Request<Full<Bytes>> {
    post_of(Full::new(Bytes::copy_from_slice(message)))
}

/// A POST of a body.
pub fn post_of<B>(body: B) -> hyper::Request<B> {
    let request = hyper::Request::post(format!("https://{NAME}/dns-query"));
    request.header("content-type", "application/dns-message").body(body).unwrap()
}

impl<B> Http2<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Connects; the protocol is agreed on by ALPN.
    pub fn connect(address: SocketAddr, pair: &Pair) -> Self {
        Self::connect_with(address, pair, 1 << 20)
    }

    /// The same, where so many octets of each response are taken before somebody reads it.
    pub fn connect_with(address: SocketAddr, pair: &Pair, window: u32) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let connector = TlsConnector::from(pair.client(&["h2"]));
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            let stream = connector.connect(ServerName::try_from(NAME).unwrap(), stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let client = Builder::new(TokioExecutor::new()).initial_stream_window_size(window).clone();
            let (sender, connection) = client.handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    /// Sends a request and waits for its response.
    pub fn ask(&mut self, request: hyper::Request<B>) -> Result<Response, hyper::Error> {
        let response = self.sender.send_request(request);
        self.runtime.block_on(async {
            let (head, body) = response.await?.into_parts();
            let headers =
                head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
            let headers = headers.collect();
            let body = body.collect().await?.to_bytes().to_vec();
            Ok(Response { status: head.status.as_u16(), headers, body })
        })
    }
}
