//! Records that stand beside the addresses of a balanced name and come from the same decision: HTTPS, SVCB, SRV, MX
//! and TXT. What an endpoint brings to them stands in its pool.

/// What a balanced name answers beside addresses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Services {
    /// HTTPS records (RFC 9460).
    pub https: Option<Binding>,
    /// SVCB records (RFC 9460).
    pub svcb: Option<Binding>,
    /// SRV records (RFC 2782).
    pub srv: Option<Srv>,
    /// MX records of this preference (RFC 1035 §3.3.9).
    pub mx: Option<u16>,
    /// TXT records.
    pub txt: bool,
}

/// A service binding at the owner name itself; the address hints are those of the chosen endpoints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// SvcPriority, from 1.
    pub priority: u16,
    /// SvcParams below the hints, `alpn` and `port`, in wire form.
    pub params: Box<[u8]>,
}

/// A service's location.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Srv {
    /// The port.
    pub port: u16,
    /// The priority.
    pub priority: u16,
}
