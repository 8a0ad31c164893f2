//! The control socket: how people on the same machine talk to the running server.
//!
//! ```text
//! geosteer drain … ──► Unix socket ──► who is it? ──► desk ──► the one writer ──► what is live
//!   (client)             (server)      uid          │   ▲
//!                                                   ▼   └── told: published, adopted, changed
//!                                            state directory, events
//! ```
//!
//! One request a connection: a line of JSON in, a line of JSON out. Only the server's own user and root are heard.
//! The desk runs on a thread of its own, which is also the one that writes the state directory: a slow disk delays
//! neither answers nor health.

mod client;
mod desk;
mod explain;
mod facts;
mod gradual;
mod handover;
mod health;
mod held;
mod let_back;
mod limits;
mod line;
mod protocol;
mod reload;
mod server;
mod status;
mod takeover;
mod told;
mod views;

pub use client::{AskError, ask};
pub use desk::{Desk, Peer};
pub use explain::Explain;
pub use facts::Meters;
pub use handover::{Handover, Hold};
pub use health::{Resumed, resume};
pub(crate) use limits::limited_words;
pub use line::{Line, LineError};
pub use protocol::{
    Answer, CanaryRow, Done, EndpointRow, EventRow, GuardRow, LatencyRow, Lift, LimitedRow, LimitsRow, MoveRow, Order,
    OverrideRow, PoolRow, Release, Request, Resume, ResumedRow, Safe, Serving, Status,
};
pub use reload::{ChangeRow, NotReloaded, Reload, ReloadOrder, ReloadOutcome, ReloadReply, Reloaded, Reloads, changed};
pub use server::{Socket, Thread, start};
pub use takeover::Takeover;
pub use told::Told;
pub(crate) use views::{key, user};

/// The socket's name in the state directory.
pub const SOCKET: &str = "admin.sock";
/// The state directory of a server whose file names none.
pub const STATE: &str = "/var/lib/geosteer";
