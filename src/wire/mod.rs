//! The wire engine: messages parsed and written in place, no allocation, no library on the query path.
//!
//! ```text
//! octets → query (header, question) → edns (client subnet, NSID) → … the answer … → reply (sections, OPT, TC) → octets
//! ```

pub mod builder;
pub mod code;
pub mod edns;
pub mod lifetime;
pub mod name;
pub mod padding;
pub mod proxy;
pub mod query;
pub mod rdata;
pub mod reply;
pub mod span;

pub use builder::QueryBuilder;
pub use edns::{Asks, SubnetOption};
pub use name::Name;
pub use query::{Asked, Fault, Query};
pub use reply::Reply;
pub use span::Span;
