//! Replies, read by hickory-proto: a second opinion on every octet that we write.

use hickory_proto::op::Message;
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

/// A reply in a form that reads well in assertions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    /// RCODE with EDNS's upper bits.
    pub(crate) rcode: u16,
    /// AA.
    pub(crate) authoritative: bool,
    /// TC.
    pub(crate) truncated: bool,
    /// Answer section.
    pub(crate) answers: Vec<Entry>,
    /// Authority section.
    pub(crate) authority: Vec<Entry>,
    /// Additional section without OPT.
    pub(crate) additional: Vec<Entry>,
    /// There is an OPT record.
    pub(crate) edns: bool,
    /// SCOPE PREFIX-LENGTH of CLIENT-SUBNET, if that option is there.
    pub(crate) scope: Option<u8>,
}

/// One record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Entry {
    /// Owner name.
    pub(crate) owner: String,
    /// TYPE.
    pub(crate) rtype: u16,
    /// TTL, seconds.
    pub(crate) ttl: u32,
    /// Record data in presentation form.
    pub(crate) data: String,
}

impl Reply {
    /// Reads a reply; a message that hickory does not take is a failed test.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        match Self::try_read(bytes) {
            Ok(reply) => reply,
            Err(problem) => panic!("hickory cannot read our reply: {problem}\n{bytes:02x?}"),
        }
    }

    /// Reads a reply, or says why hickory does not take it.
    pub(crate) fn try_read(bytes: &[u8]) -> Result<Self, String> {
        let message = Message::from_vec(bytes).map_err(|problem| problem.to_string())?;
        let edns = message.edns.as_ref();
        let scope = edns.and_then(|edns| match edns.option(EdnsCode::Subnet) {
            Some(EdnsOption::Subnet(subnet)) => Some(subnet.scope_prefix()),
            _ => None,
        });
        Ok(Self {
            rcode: message.metadata.response_code.into(),
            authoritative: message.metadata.authoritative,
            truncated: message.metadata.truncation,
            answers: entries(&message.answers),
            authority: entries(&message.authorities),
            additional: entries(&message.additionals),
            edns: edns.is_some(),
            scope,
        })
    }

    /// The answers' record data, sorted.
    pub(crate) fn data(&self) -> Vec<String> {
        let mut data: Vec<String> = self.answers.iter().map(|entry| entry.data.clone()).collect();
        data.sort();
        data
    }

    /// The first answer's TTL.
    pub(crate) fn ttl(&self) -> Option<u32> {
        self.answers.first().map(|entry| entry.ttl)
    }

    /// RCODE as people write it.
    pub(crate) fn rcode_name(&self) -> String {
        let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
        names.get(usize::from(self.rcode)).map_or_else(|| self.rcode.to_string(), |&name| name.to_owned())
    }
}

fn entries(records: &[Record]) -> Vec<Entry> {
    let entry = |record: &Record| Entry {
        owner: record.name.to_string(),
        rtype: record.record_type().into(),
        ttl: record.ttl,
        data: record.data.to_string(),
    };
    records.iter().map(entry).collect()
}
