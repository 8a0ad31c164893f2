//! DNSSEC: keys, canonical form, signatures and the chain of names (RFC 4033 to 4035). Pure: keys, times and records
//! in, octets out; who reads the files and the clock stands elsewhere.

mod bind;
mod canonical;
mod cell;
mod denial;
mod key;
mod remembered;
mod rollover;
mod seal;
mod seals;
mod sign;
mod store;
mod times;
#[cfg(test)]
mod verified;

pub use bind::{BindError, file_stem, private_file, public_file, read_pair};
pub use canonical::{Order, order, to_canonical};
pub use cell::{Held, SIGNATURE};
pub use denial::{chain, types_of, without};
pub use key::{Algorithm, Digest, Key, KeyError, Role, ds_of, key_tag};
pub use remembered::Unbelieved;
pub use rollover::{Memories, Rollover, Step, beginning, rollovers};
pub use seal::{Rrsig, Seal};
pub use seals::{Mark, Seals};
pub use sign::{RrSet, Window, rrsig};
pub use store::Signer;
pub use times::{Phase, Times};
