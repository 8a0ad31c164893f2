//! Zone transfers, signatures of messages and what belongs to them: by RFC section in-process, and as other name servers
//! and tools have them.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../answers/mod.rs"]
mod answers;
mod common;
mod others;
mod rfc1995;
mod rfc1996;
mod rfc2136;
mod rfc5936;
mod rfc8945;
#[path = "../secure/mod.rs"]
mod secure;
mod served;
