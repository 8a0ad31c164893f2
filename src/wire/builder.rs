//! Queries of our own: for explanations, probes of ourselves, and tests. Not on the query path.

use super::Name;
use super::code::{class, option, rtype};
use super::edns::subnet_option;
use crate::client::Subnet;

/// A query, described; [`QueryBuilder::build`] writes it.
#[derive(Clone, Debug)]
pub struct QueryBuilder {
    name: Name,
    rtype: u16,
    class: u16,
    id: u16,
    recursion_desired: bool,
    edns: Option<Opt>,
}

/// The OPT record of a query in the making.
#[derive(Clone, Debug)]
struct Opt {
    udp_size: u16,
    dnssec_ok: bool,
    options: Vec<u8>,
}

impl QueryBuilder {
    /// A query of class IN without EDNS, id 0.
    #[must_use]
    pub fn new(name: Name, rtype: u16) -> Self {
        Self { name, rtype, class: class::IN, id: 0, recursion_desired: false, edns: None }
    }

    /// With this message id.
    #[must_use]
    pub fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// With this QCLASS.
    #[must_use]
    pub fn class(mut self, class: u16) -> Self {
        self.class = class;
        self
    }

    /// With RD set.
    #[must_use]
    pub fn recursion_desired(mut self) -> Self {
        self.recursion_desired = true;
        self
    }

    /// With EDNS, replies of at most `size` octets over UDP.
    #[must_use]
    pub fn udp_size(mut self, size: u16) -> Self {
        self.opt().udp_size = size;
        self
    }

    /// With EDNS and DO (RFC 3225).
    #[must_use]
    pub fn dnssec_ok(mut self) -> Self {
        self.opt().dnssec_ok = true;
        self
    }

    /// With a client subnet (RFC 7871); bits behind its length are cleared.
    #[must_use]
    pub fn subnet(mut self, subnet: Subnet) -> Self {
        let octets = subnet_option(subnet);
        self.opt().options.extend_from_slice(&octets);
        self
    }

    /// Asks for the name server identifier (RFC 5001).
    #[must_use]
    pub fn nsid(self) -> Self {
        self.option(option::NSID, &[])
    }

    /// With any EDNS option.
    #[must_use]
    pub fn option(mut self, code: u16, data: &[u8]) -> Self {
        let options = &mut self.opt().options;
        options.extend_from_slice(&code.to_be_bytes());
        options.extend_from_slice(&(data.len() as u16).to_be_bytes());
        options.extend_from_slice(data);
        self
    }

    /// The message.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut out = self.id.to_be_bytes().to_vec();
        out.extend_from_slice(&[u8::from(self.recursion_desired), 0, 0, 1, 0, 0, 0, 0, 0]);
        out.push(u8::from(self.edns.is_some()));
        out.extend_from_slice(self.name.wire());
        out.extend_from_slice(&self.rtype.to_be_bytes());
        out.extend_from_slice(&self.class.to_be_bytes());
        if let Some(opt) = &self.edns {
            out.push(0);
            out.extend_from_slice(&rtype::OPT.to_be_bytes());
            out.extend_from_slice(&opt.udp_size.to_be_bytes());
            out.extend_from_slice(&[0, 0, u8::from(opt.dnssec_ok) << 7, 0]);
            out.extend_from_slice(&(opt.options.len() as u16).to_be_bytes());
            out.extend_from_slice(&opt.options);
        }
        out
    }

    fn opt(&mut self) -> &mut Opt {
        self.edns.get_or_insert(Opt { udp_size: 1232, dnssec_ok: false, options: Vec::new() })
    }
}
