//! geosteer: a global, DNS-based load balancer.
//!
//! ```text
//! query in → who is asking → which name → which region → which pool → which endpoints → answer out
//!  wire        client          zone         geo            steer        pool             wire
//!
//!  check due → probe (I/O) → outcome → health (rise/fall) → what is live      (side flow, one writer)
//! ```
//!
//! Start reading at [`respond`]: it is that sentence as code. Everything else either prepares it (at load) or
//! carries bytes to and from it.

// Here and not in Cargo.toml, since tests may unwrap and share `pub` helpers.
#![warn(clippy::unwrap_used, unreachable_pub)]

pub mod address;
pub mod admin;
pub mod certificate;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod control;
pub mod cookies;
pub mod daemon;
pub mod dnssec;
pub mod error;
pub mod events;
pub mod faults;
pub mod fleet;
pub mod geo;
pub mod health;
pub mod id;
pub mod limits;
pub mod listen;
pub mod log;
pub mod metrics;
pub mod overrides;
pub mod pool;
pub mod priority;
pub mod probe;
pub mod publish;
pub mod query_log;
pub mod report;
pub mod respond;
pub mod restart;
pub mod rights;
pub mod routing_tests;
pub mod rrl;
pub mod serving;
pub mod simulate;
pub mod snapshot;
pub mod state;
pub mod steer;
pub mod store;
pub mod supervisor;
pub mod transfer;
pub mod tsig;
pub mod update;
pub mod web_client;
pub mod webhook;
pub mod wire;
pub mod worker;
pub mod writer;
pub mod zone;
