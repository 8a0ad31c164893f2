//! The whole, from zone text to bytes: scenarios as data, every type of every example, hostile packets, and the
//! properties of scope and choice, each held against a second opinion (hickory-proto for messages, a plain list of
//! address runs for maps).
//!
//! `cargo test --test proof` is bounded; `GEOSTEER_FULL=1 cargo test --release --test proof` is the full count.

mod choice;
mod common;
mod hostile;
mod scenarios;
mod scope;
mod types;
