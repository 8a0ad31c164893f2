//! The wire engine: messages parsed and written in place, no allocation, no library on the query path.

pub mod name;

pub use name::Name;
