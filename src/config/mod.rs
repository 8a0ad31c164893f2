//! From files to a specification.
//!
//! ```text
//! paths → load ── files → walk (TOML with positions) → zone ── regions checks pools policies names → verify → Spec
//!                                                       └ records → master (zone text) → zonetext
//! every mistake → diagnostic → render (human, short, JSON)
//! ```
//!
//! The one way in is [`load`] (and [`load_text`] for a zone in memory); it gives a specification or a report of
//! every mistake, never a part. The keys of all tables stand in [`keys`], the kinds of mistakes in [`CODES`].

mod canaries;
mod checks;
mod codes;
mod cookies;
mod depends;
mod diagnostic;
mod files;
mod fleet;
pub mod keys;
mod load;
mod master;
mod names;
mod nested;
mod parts;
mod policies;
mod pool_load;
mod pools;
mod process;
mod query_log;
mod records;
mod regions;
mod render;
mod routing_tests;
mod rrl;
mod rules;
mod server;
mod services;
mod settings;
mod source;
mod transfer;
mod transports;
mod tsig;
mod update;
mod verify;
mod walk;
mod watch;
mod zone;
mod zonetext;

pub use canaries::Canary;
pub use codes::{CODES, Code, CodeInfo};
pub use cookies::Cookies;
pub use diagnostic::{Diagnostic, Report, Severity};
pub use files::FileRead;
pub use fleet::FleetServer;
pub use load::{Loaded, Options, load, load_text, load_text_alone};
pub use process::Process;
pub use routing_tests::{At, RoutingTest, RoutingTests, is_routing_tests, routing_test_files};
pub use server::{Admin, AdminListen, DatabaseRef, Dns, Events, Log, Probe, Server, load_server, load_server_text};
pub use settings::default_ecs;
pub use source::{FileId, Position, Sources, Span};
pub use transports::{Encrypted, Proxy, Tls};
pub use tsig::TsigKey;
pub use watch::Watch;
