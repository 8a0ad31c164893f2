//! DNSSEC: keys, canonical form, signatures and the chain of names (RFC 4033 to 4035). Pure: keys, times and records
//! in, octets out; who reads the files and the clock stands elsewhere.

mod bind;
mod canonical;
mod denial;
mod key;
mod sign;
mod store;
#[cfg(test)]
mod verified;

pub use bind::{BindError, file_stem, private_file, public_file, read_pair};
pub use canonical::{Order, order, to_canonical};
pub use denial::{chain, types_of, without};
pub use key::{Algorithm, Digest, Key, KeyError, Role};
pub use sign::{RrSet, Window, rrsig};
pub use store::{Seal, Signed, Signer};
