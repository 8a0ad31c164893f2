//! DNS checks: one query over UDP, again over TCP if the reply is truncated. A reply counts if it has our id and our
//! question; anything else that arrives is passed over.

use super::connect::Way;
use super::progress::{Phase, Progress};
use super::{Ended, reason, short};
use crate::health::{DnsCheck, TargetAddress};
use crate::limits::{PROBE_NOTE_PART, UDP_REPLY_MAX};
use hickory_proto::op::{Edns, Message, MessageType, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One endpoint under one check.
pub(super) struct DnsProbe {
    way: Way,
    question: Query,
    wanted: Vec<RData>,
}

impl DnsProbe {
    /// Prepares its question.
    ///
    /// # Errors
    /// The check cannot be carried out; in words.
    pub(super) fn new(check: &DnsCheck, address: &TargetAddress) -> Result<Self, Box<str>> {
        let name = Name::from_ascii(check.query.to_string()).map_err(|error| format!("{}: {error}", check.query))?;
        let rtype = RecordType::from(check.query_type);
        let read = |text: &str| RData::try_from_str(rtype, text).map_err(|error| format!("{text:?}: {error}").into());
        let wanted = check.expect_data.iter().map(|text| read(text)).collect::<Result<_, Box<str>>>()?;
        Ok(Self { way: Way::new(address, check.port, check.source), question: Query::query(name, rtype), wanted })
    }

    /// Asks once. The caller sets the deadline.
    pub(super) async fn probe(&self, check: &DnsCheck, progress: &Progress) -> Ended {
        match self.ask(progress).await {
            Ok((reply, how)) => self.judge(check, &reply, how, progress),
            Err(ended) => ended,
        }
    }

    async fn ask(&self, progress: &Progress) -> Result<(Message, &'static str), Ended> {
        // Its id is drawn at random; so is the port, by the system.
        let mut query = Message::query();
        query.metadata.recursion_desired = true;
        query.add_query(self.question.clone());
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_REPLY_MAX as u16);
        query.set_edns(edns);
        let bytes = query.to_vec().map_err(|error| Ended::inconclusive(format!("the query: {error}")))?;
        let io = |error: std::io::Error| reason::judge_io(&error);
        let (socket, address) = self.way.udp(progress).await?;
        progress.enter(Phase::FirstByte);
        socket.send(&bytes).await.map_err(io)?;
        let mut buffer = [0; UDP_REPLY_MAX];
        let reply = loop {
            let length = socket.recv(&mut buffer).await.map_err(io)?;
            if let Some(reply) = reply_to(&query, &buffer[..length]) {
                break reply;
            }
        };
        if !reply.metadata.truncation {
            return Ok((reply, "UDP"));
        }
        let stream = self.over_tcp(address, &bytes, progress).await;
        let bytes = stream.map_err(|error| {
            let ended = io(error);
            Ended { note: format!("truncated over UDP; over TCP: {}", ended.note).into(), ..ended }
        })?;
        reply_to(&query, &bytes).map(|reply| (reply, "TCP")).ok_or_else(|| Ended::fail("another question was answered"))
    }

    async fn over_tcp(&self, address: SocketAddr, query: &[u8], progress: &Progress) -> std::io::Result<Vec<u8>> {
        progress.enter(Phase::Connect);
        let mut stream = self.way.connect(address).await?;
        progress.enter(Phase::Body);
        let length = (query.len() as u16).to_be_bytes();
        stream.write_all(&[&length, query].concat()).await?;
        let length = stream.read_u16().await?;
        let mut reply = vec![0; length.into()];
        stream.read_exact(&mut reply).await?;
        Ok(reply)
    }

    fn judge(&self, check: &DnsCheck, reply: &Message, how: &str, progress: &Progress) -> Ended {
        let rcode = reply.metadata.response_code;
        let code = u16::from(rcode);
        if !check.expect_rcode.contains(&code) {
            return Ended::fail(format!("rcode {code}: {rcode}"));
        }
        let rtype = self.question.query_type;
        let data: Vec<_> =
            reply.answers.iter().map(|record| &record.data).filter(|data| data.record_type() == rtype).collect();
        if !self.wanted.is_empty() && !data.iter().any(|data| self.wanted.contains(data)) {
            let said = data.iter().map(|data| data.to_string()).collect::<Vec<_>>().join(", ");
            let said = if said.is_empty() { "nothing".to_owned() } else { short(&said, PROBE_NOTE_PART) };
            return Ended::fail(format!("the answer is {said}, not the expected data"));
        }
        let millis = progress.millis();
        Ended::pass(format!("{rcode}, {} {rtype} in {millis} ms over {how}", data.len()))
    }
}

/// The message, if it answers this query: our id, our question.
fn reply_to(query: &Message, bytes: &[u8]) -> Option<Message> {
    let reply = Message::from_vec(bytes).ok()?;
    let same = reply.metadata.id == query.metadata.id
        && reply.metadata.message_type == MessageType::Response
        && reply.queries == query.queries;
    same.then_some(reply)
}
