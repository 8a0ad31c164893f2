//! One query through the live code: bytes built as a resolver would, `respond`, and the reply taken apart again.

use crate::respond::{Request, Transport, Verdict, respond};
use crate::state::State;
use crate::worker::Worker;
use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RecordType};
use std::net::{IpAddr, SocketAddr};

/// What is asked, by whom.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name, as typed.
    pub name: String,
    /// The record type.
    pub rtype: RecordType,
    /// The client subnet sent along: an address and how many of its bits.
    pub subnet: (IpAddr, u8),
    /// Where the query comes from.
    pub resolver: IpAddr,
}

/// A record type as people write it, `TYPE65280` included (RFC 3597 §5).
#[must_use]
pub fn record_type(text: &str) -> Option<RecordType> {
    let text = text.to_ascii_uppercase();
    match text.strip_prefix("TYPE").and_then(|number| number.parse::<u16>().ok()) {
        Some(number) => Some(RecordType::from(number)),
        None => text.parse().ok(),
    }
}

/// The word of a record type, which [`record_type`] reads.
#[must_use]
pub fn type_word(rtype: RecordType) -> String {
    match rtype {
        RecordType::Unknown(number) => format!("TYPE{number}"),
        known => known.to_string(),
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The RCODE's name.
    pub rcode: String,
    /// Record data of the answer section, as text.
    pub answers: Vec<String>,
    /// TTL of the answer; of a negative one that of its SOA.
    pub ttl: Option<u32>,
    /// SCOPE PREFIX-LENGTH; `None` if the reply has no client subnet.
    pub scope: Option<u8>,
}

/// Asks over a stream, so that nothing is cut off. `None`: nothing would be said.
///
/// # Errors
/// The name is no domain name, or the reply cannot be read.
pub fn ask(state: &State, worker: &mut Worker, question: &Question) -> Result<Option<Reply>, ProtoError> {
    let bytes = query(question)?;
    // Any port but 0, which is never answered.
    let source = SocketAddr::new(question.resolver, 53_000);
    let mut out = vec![0; crate::limits::STREAM_REPLY_MAX];
    let request = Request { bytes: &bytes, source: source.into(), transport: Transport::Stream };
    match respond(state, worker, &request, &mut out) {
        Verdict::Send(length) => Ok(Some(read(&Message::from_vec(&out[..length])?))),
        Verdict::Drop | Verdict::Hand => Ok(None),
    }
}

fn query(question: &Question) -> Result<Vec<u8>, ProtoError> {
    let mut message = Message::query();
    message.metadata.id = 1;
    message.add_query(Query::query(Name::from_ascii(&question.name)?, question.rtype));
    let mut edns = Edns::new();
    let (address, source) = question.subnet;
    edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(address, source, 0)));
    message.edns = Some(edns);
    message.to_vec()
}

fn read(message: &Message) -> Reply {
    let soa = message.authorities.first().map(|record| record.ttl);
    let scope = message.edns.as_ref().and_then(|edns| match edns.option(EdnsCode::Subnet) {
        Some(EdnsOption::Subnet(subnet)) => Some(subnet.scope_prefix()),
        _ => None,
    });
    Reply {
        rcode: rcode(message),
        answers: message.answers.iter().map(|record| record.data.to_string()).collect(),
        ttl: message.answers.first().map(|record| record.ttl).or(soa),
        scope,
    }
}

/// The name that dig and the RFCs use.
fn rcode(message: &Message) -> String {
    use hickory_proto::op::ResponseCode as Code;
    match message.metadata.response_code {
        Code::NoError => "NOERROR".to_owned(),
        Code::FormErr => "FORMERR".to_owned(),
        Code::ServFail => "SERVFAIL".to_owned(),
        Code::NXDomain => "NXDOMAIN".to_owned(),
        Code::NotImp => "NOTIMP".to_owned(),
        Code::Refused => "REFUSED".to_owned(),
        Code::YXDomain => "YXDOMAIN".to_owned(),
        Code::NotAuth => "NOTAUTH".to_owned(),
        other => u16::from(other).to_string(),
    }
}
