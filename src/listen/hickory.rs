//! The hickory adapter: geosteer as a request handler of a [hickory-server], so that people can put a balanced zone
//! into a server of their own, beside their own handlers and transports. The answers are those of
//! [`respond`], byte work included; here they are only taken apart into records and handed over.
//!
//! What hickory-server 0.26 does to an answer on the way, and what follows from it:
//!
//! * Its encoder drops the OPT record when *it* truncates. It never has to: `respond` keeps to the size that the
//!   client offers (at most 1232 octets) and sets TC itself, OPT included.
//! * It writes the question back from the request's own octets, so the case of the letters survives.
//! * It answers what it cannot parse itself (FORMERR, NOTIMP) before a handler is asked; such replies are its own.
//! * Over TCP it has no cap on connections: put a listener with caps before it, or use geosteer's own.
//!
//! [hickory-server]: https://docs.rs/hickory-server

use super::tell_time;
use crate::clock;
use crate::limits::STREAM_REPLY_MAX;
use crate::publish::Published;
use crate::respond::{Request, Transport, Verdict, respond};
use crate::worker::Worker;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Header, HeaderCounts, Message, MessageType, Metadata, ResponseCode};
use hickory_server::server::{Request as HickoryRequest, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// Answers a hickory server's requests from the published state. Cheap to share; one is enough for a server.
pub struct Handler {
    published: Arc<Published>,
    desk: Mutex<Desk>,
}

/// What answering needs beside the state: held for the few microseconds of one answer, never across an await.
struct Desk {
    worker: Worker,
    out: Box<[u8]>,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

impl Handler {
    /// A handler over the state that `published` points to; it follows every later state. The draws of weighted
    /// answers follow from `seed`.
    #[must_use]
    pub fn new(published: Arc<Published>, seed: u64) -> Self {
        let out = vec![0; STREAM_REPLY_MAX].into_boxed_slice();
        Self { published, desk: Mutex::new(Desk { worker: Worker::new(seed), out }) }
    }

    /// The answer to one message as records; `None` if nothing is to be said.
    fn answer(&self, bytes: &[u8], source: SocketAddr, transport: Transport) -> Option<Message> {
        let state = self.published.load_full();
        // A panic in an earlier answer leaves nothing half-done that matters: the buffer is written anew.
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let Desk { worker, out } = &mut *desk;
        tell_time(worker, clock::instant());
        match respond(&state, worker, &Request { bytes, source: source.into(), transport }, out) {
            Verdict::Send(length) => Some(read(&out[..length], bytes)),
            Verdict::Drop => None,
            // Whole zones are transferred by geosteer's own listeners: the place among the transfers is given back at once.
            Verdict::Hand => {
                drop(worker.take_handed());
                None
            }
        }
    }
}

/// Our reply as hickory's message. Only its own reader could refuse it; then the client hears SERVFAIL.
fn read(reply: &[u8], query: &[u8]) -> Message {
    Message::from_vec(reply).unwrap_or_else(|_| {
        let id = query.first_chunk::<2>().map_or(0, |id| u16::from_be_bytes(*id));
        let mut message = Message::query();
        message.metadata.id = id;
        message.metadata.message_type = MessageType::Response;
        message.metadata.response_code = ResponseCode::ServFail;
        message
    })
}

/// What is reported to the server when nothing went out.
fn silence(request: &HickoryRequest) -> ResponseInfo {
    let metadata = Metadata::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}

impl RequestHandler for Handler {
    // The form that `#[async_trait]` gives the trait's method, written out.
    fn handle_request<'handler, 'request, 'async_trait, R, T>(
        &'handler self,
        request: &'request HickoryRequest,
        mut response_handle: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'async_trait>>
    where
        'handler: 'async_trait,
        'request: 'async_trait,
        R: ResponseHandler + 'async_trait,
        T: Time + 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let transport = match request.protocol() {
                Protocol::Udp => Transport::Udp,
                _ => Transport::Stream,
            };
            let Some(message) = self.answer(request.as_slice(), request.src(), transport) else {
                return silence(request);
            };
            let builder = MessageResponseBuilder::new(&request.queries, message.edns.as_ref());
            let none = [];
            let response =
                builder.build(message.metadata, &message.answers, &message.authorities, &none, &message.additionals);
            response_handle.send_response(response).await.unwrap_or_else(|_| silence(request))
        })
    }
}
