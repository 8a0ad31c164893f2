//! Queries as bytes, octet by octet, so that the tests depend on no library's idea of a message.

use std::net::IpAddr;

/// A query to be put together.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Message id.
    pub(crate) id: u16,
    /// Owner name in presentation form, sent in the case given.
    pub(crate) name: String,
    /// QTYPE.
    pub(crate) rtype: u16,
    /// QCLASS.
    pub(crate) class: u16,
    /// Flags word: opcode, RD and so on.
    pub(crate) flags: u16,
    /// The OPT record, if one is sent.
    pub(crate) edns: Option<Edns>,
}

/// The OPT record of a query.
#[derive(Clone, Debug)]
pub(crate) struct Edns {
    /// Offered UDP payload size.
    pub(crate) size: u16,
    /// EDNS version.
    pub(crate) version: u8,
    /// DNSSEC OK.
    pub(crate) dnssec_ok: bool,
    /// Client subnet: address and SOURCE PREFIX-LENGTH.
    pub(crate) subnet: Option<(IpAddr, u8)>,
    /// Other options.
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Default for Edns {
    fn default() -> Self {
        Self { size: 1232, version: 0, dnssec_ok: false, subnet: None, options: Vec::new() }
    }
}

impl Ask {
    /// A plain query of class IN, without EDNS.
    pub(crate) fn new(name: &str, rtype: u16) -> Self {
        Self { id: 0x4711, name: name.to_owned(), rtype, class: 1, flags: 0x0100, edns: None }
    }

    /// The same with EDNS and nothing in it.
    pub(crate) fn edns(mut self) -> Self {
        self.edns.get_or_insert_default();
        self
    }

    /// The same with DNSSEC OK.
    pub(crate) fn dnssec_ok(mut self) -> Self {
        self.edns.get_or_insert_default().dnssec_ok = true;
        self
    }

    /// The same with a client subnet, `address/length` or an address at full length.
    pub(crate) fn subnet(mut self, subnet: &str) -> Self {
        let (address, source) = parse_subnet(subnet);
        self.edns.get_or_insert_default().subnet = Some((address, source));
        self
    }

    /// The same with another option.
    pub(crate) fn option(mut self, code: u16, data: &[u8]) -> Self {
        self.edns.get_or_insert_default().options.push((code, data.to_vec()));
        self
    }

    /// The same with another id.
    pub(crate) fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// The question as it stands in the message.
    pub(crate) fn question(&self) -> Vec<u8> {
        let mut out = name(&self.name);
        out.extend(self.rtype.to_be_bytes());
        out.extend(self.class.to_be_bytes());
        out
    }

    /// The message.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        for word in [self.id, self.flags, 1, 0, 0, u16::from(self.edns.is_some())] {
            out.extend(word.to_be_bytes());
        }
        out.extend(self.question());
        if let Some(edns) = &self.edns {
            out.extend(edns.bytes());
        }
        out
    }
}

impl Edns {
    fn bytes(&self) -> Vec<u8> {
        let mut data = Vec::new();
        if let Some((address, source)) = self.subnet {
            let option = subnet_option(address, source);
            data.extend(8u16.to_be_bytes());
            data.extend(length(&option));
            data.extend(option);
        }
        for (code, option) in &self.options {
            data.extend(code.to_be_bytes());
            data.extend(length(option));
            data.extend(option);
        }
        let mut out = vec![0, 0, 41];
        out.extend(self.size.to_be_bytes());
        out.extend([0, self.version, u8::from(self.dnssec_ok) << 7, 0]);
        out.extend(length(&data));
        out.extend(data);
        out
    }
}

/// CLIENT-SUBNET's data (RFC 7871 §6): the address cut to the source's octets, bits behind it cleared.
pub(crate) fn subnet_option(address: IpAddr, source: u8) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let mut out = vec![0, family, source, 0];
    out.extend(&octets[..usize::from(source).div_ceil(8)]);
    if !source.is_multiple_of(8) {
        *out.last_mut().expect("four octets stand before") &= 0xff << (8 - source % 8);
    }
    out
}

/// `address/length`, or an address alone: its full length.
pub(crate) fn parse_subnet(text: &str) -> (IpAddr, u8) {
    let (address, source) = text.split_once('/').map_or((text, None), |(address, source)| (address, Some(source)));
    let address: IpAddr = address.parse().expect("an address");
    let full = if address.is_ipv4() { 32 } else { 128 };
    (address, source.map_or(full, |source| source.parse().expect("a prefix length")))
}

/// RR TYPE by its name.
pub(crate) fn rtype(text: &str) -> u16 {
    let known = [
        ("A", 1),
        ("NS", 2),
        ("CNAME", 5),
        ("SOA", 6),
        ("PTR", 12),
        ("HINFO", 13),
        ("MX", 15),
        ("TXT", 16),
        ("AAAA", 28),
        ("SRV", 33),
        ("DNAME", 39),
        ("DS", 43),
        ("DNSKEY", 48),
        ("HTTPS", 65),
        ("ANY", 255),
        ("CAA", 257),
    ];
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    found.unwrap_or_else(|| text.trim_start_matches("TYPE").parse().expect("a type's name or TYPEn"))
}

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).expect("labels are short"));
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

fn length(data: &[u8]) -> [u8; 2] {
    u16::try_from(data.len()).expect("test messages are small").to_be_bytes()
}
