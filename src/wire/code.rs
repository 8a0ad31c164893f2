//! Numbers of the protocol, from the IANA registries "DNS Parameters" and "DNS EDNS0 Option Codes".

/// RR TYPEs that the engine treats in some way of their own; all others are opaque to it (RFC 3597).
pub mod rtype {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// A name server.
    pub const NS: u16 = 2;
    /// An alias.
    pub const CNAME: u16 = 5;
    /// The start of a zone.
    pub const SOA: u16 = 6;
    /// A pointer to another name.
    pub const PTR: u16 = 12;
    /// Host information; the minimal answer to ANY (RFC 8482).
    pub const HINFO: u16 = 13;
    /// A mail exchanger.
    pub const MX: u16 = 15;
    /// Text.
    pub const TXT: u16 = 16;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
    /// A service's location.
    pub const SRV: u16 = 33;
    /// An alias of a whole subtree (RFC 6672).
    pub const DNAME: u16 = 39;
    /// EDNS (RFC 6891).
    pub const OPT: u16 = 41;
    /// A delegation's key digest: the one type that the parent side of a cut answers (RFC 4035 §3.1.4.1).
    pub const DS: u16 = 43;
    /// A signature (RFC 4034 §3).
    pub const RRSIG: u16 = 46;
    /// What exists at a name, and the next name (RFC 4034 §4).
    pub const NSEC: u16 = 47;
    /// A zone's key (RFC 4034 §2).
    pub const DNSKEY: u16 = 48;
    /// The chain of hashed names (RFC 5155), which we do not make.
    pub const NSEC3: u16 = 50;
    /// How it is hashed.
    pub const NSEC3PARAM: u16 = 51;
    /// What the parent shall publish as DS (RFC 7344).
    pub const CDS: u16 = 59;
    /// The same as keys.
    pub const CDNSKEY: u16 = 60;
    /// A service binding (RFC 9460).
    pub const SVCB: u16 = 64;
    /// A service binding for HTTP.
    pub const HTTPS: u16 = 65;
    /// A transaction signature (RFC 8945).
    pub const TSIG: u16 = 250;
    /// Incremental transfer, a question only.
    pub const IXFR: u16 = 251;
    /// Transfer, a question only.
    pub const AXFR: u16 = 252;
    /// Any type, a question only.
    pub const ANY: u16 = 255;
}

/// OPCODEs.
pub mod opcode {
    /// A question.
    pub const QUERY: u8 = 0;
    /// A zone has changed (RFC 1996).
    pub const NOTIFY: u8 = 4;
    /// Records shall change (RFC 2136).
    pub const UPDATE: u8 = 5;
}

/// CLASSes.
pub mod class {
    /// The Internet.
    pub const IN: u16 = 1;
    /// Chaos: what servers say of themselves.
    pub const CH: u16 = 3;
    /// No class: what an update takes away, or what should not be there (RFC 2136 §2.4).
    pub const NONE: u16 = 254;
    /// Any class, a question only.
    pub const ANY: u16 = 255;
}

/// RCODEs, the extended ones included.
pub mod rcode {
    /// No error.
    pub const NOERROR: u16 = 0;
    /// The query is malformed.
    pub const FORMERR: u16 = 1;
    /// The server failed.
    pub const SERVFAIL: u16 = 2;
    /// The name does not exist.
    pub const NXDOMAIN: u16 = 3;
    /// This kind of query is not implemented.
    pub const NOTIMP: u16 = 4;
    /// Not for you, or not here.
    pub const REFUSED: u16 = 5;
    /// A name that a DNAME would make is too long (RFC 6672 §2.2), or one exists that should not (RFC 2136 §2.2).
    pub const YXDOMAIN: u16 = 6;
    /// An RRset that should not exist does.
    pub const YXRRSET: u16 = 7;
    /// An RRset that should exist does not.
    pub const NXRRSET: u16 = 8;
    /// Not a zone of ours (RFC 2136 §2.2), or a signature that does not hold (RFC 8945 §5.2).
    pub const NOTAUTH: u16 = 9;
    /// A name that does not lie in the zone.
    pub const NOTZONE: u16 = 10;
    /// An EDNS version that we do not speak (RFC 6891 §9).
    pub const BADVERS: u16 = 16;
    /// The cookie is missing or wrong: come again with the one in this reply (RFC 7873 §8).
    pub const BADCOOKIE: u16 = 23;
}

/// EDNS option codes.
pub mod option {
    /// Name server identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// Client subnet (RFC 7871).
    pub const SUBNET: u16 = 8;
    /// Cookie (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// How long a connection may be idle (RFC 7828).
    pub const KEEPALIVE: u16 = 11;
    /// Padding (RFC 7830).
    pub const PADDING: u16 = 12;
    /// Extended DNS error (RFC 8914).
    pub const ERROR: u16 = 15;
}

/// Extended DNS errors (RFC 8914 §4).
pub mod extended {
    /// Other error: the text says which.
    pub const OTHER: u16 = 0;
    /// Not ready: something that the server needs is missing.
    pub const NOT_READY: u16 = 14;
    /// Prohibited.
    pub const PROHIBITED: u16 = 18;
    /// Not authoritative.
    pub const NOT_AUTHORITATIVE: u16 = 20;
    /// Not supported.
    pub const NOT_SUPPORTED: u16 = 21;
}
