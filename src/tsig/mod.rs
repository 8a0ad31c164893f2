//! Transaction signatures (RFC 8945): who shares a secret with us, and that a message is as he sent it. Pure: messages,
//! secrets and the time are given.
//!
//! ```text
//! message ─► record: is there a TSIG record? ─► Keys::open: whose key, his signature, his clock ─► Session
//!                                                  reply, or message after message ─► Session::sign ◄┘
//! ```
//!
//! Our own, on the crypto provider's HMAC: hickory-proto signs messages of its own, one by one, and writes them anew for
//! it; what we sign are octets that are already laid out, and the messages of a transfer are chained (§5.3.1). The reader
//! of zone text, `domain`, signs octets, but with a second crypto provider.

mod key;
mod record;
mod session;

pub use key::{Algorithm, Key, KeyError, Keys};
pub use record::{Misplaced, Signed, find};
pub use session::{Failure, Opened, Session, refuse};
