//! Starting in the place of a server that runs, and leaving to one that starts. `control::Takeover` is how they talk.

use super::writing::{Serving, first_round};
use super::{Options, Server, StartError, operators, transports};
use crate::config;
use crate::control::{SOCKET, Takeover};
use crate::limits::FIRST_ROUND_SLACK_MS;
use crate::listen::bind::Bound;
use crate::listen::inherit::Inherited;
use crate::snapshot::Snapshot;
use crate::supervisor;
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// The server before us, and its sockets.
#[derive(Debug, Default)]
pub(super) struct Before {
    takeover: Option<Takeover>,
    pub(super) inherited: Inherited,
    /// The control socket, which is not bound anew.
    pub(super) control: Option<UnixListener>,
}

impl Before {
    /// Asks the server that runs for its sockets, if that is wanted and one runs.
    ///
    /// # Errors
    /// One runs and does not hand over.
    pub(super) fn ask(options: &Options, file: &config::Server) -> Result<Self, StartError> {
        if !options.takeover {
            return Ok(Self::default().or_passed(options));
        }
        let state = operators::folder(options.state.as_deref(), file, &options.sources.server);
        let socket = file.admin.socket.clone().or_else(|| state.map(|state| state.join(SOCKET)));
        let Some(socket) = socket else {
            return Err(refused("there is no control socket to ask at: say a state directory", None));
        };
        match Takeover::ask(&socket) {
            Ok(Some((takeover, sockets))) => {
                tracing::info!(sockets = sockets.len(), "taking over from the server at {}", socket.display());
                let mut inherited = Inherited::of(sockets);
                let control = inherited.take_unix();
                Ok(Self { takeover: Some(takeover), inherited, control })
            }
            Ok(None) => {
                tracing::info!("no server runs at {}: starting as usual", socket.display());
                Ok(Self::default().or_passed(options))
            }
            Err(error) => Err(refused(&format!("the server at {} does not hand over", socket.display()), Some(error))),
        }
    }

    /// With what the service manager has passed, for a program that is nothing but the server.
    fn or_passed(mut self, options: &Options) -> Self {
        let passed = if options.rights.is_some() { supervisor::passed() } else { Vec::new() };
        if !passed.is_empty() {
            tracing::info!(sockets = passed.len(), "the service manager has passed sockets");
            self.inherited = Inherited::of(passed).told(let_go);
        }
        self
    }

    /// We can serve: from here on the state directory is ours.
    ///
    /// # Errors
    /// The other server has changed its mind, or is gone.
    pub(super) fn take(&mut self) -> Result<(), StartError> {
        self.inherited.left().into_iter().for_each(let_go);
        self.inherited = Inherited::default();
        let Some(takeover) = &mut self.takeover else { return Ok(()) };
        takeover.take().map_err(|error| refused("the other server has not let go", Some(error)))
    }

    /// Waits until balanced names can be answered: until then the other server does it. A server that has nobody before it
    /// answers what it can.
    pub(super) fn answers_until(&self, serving: &Serving, snapshot: &Snapshot) {
        if self.takeover.is_none() {
            return;
        }
        let until = crate::clock::instant() + Duration::from_millis(first_round(snapshot) + 4 * FIRST_ROUND_SLACK_MS);
        while !serving.is_first_round_over() && crate::clock::instant() < until {
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// We answer: the other server may go.
    ///
    /// # Errors
    /// It does not hear it, and stays: then we must not.
    pub(super) fn serving(self) -> Result<(), StartError> {
        let Some(takeover) = self.takeover else { return Ok(()) };
        takeover.serving().map_err(|error| refused("the other server stays", Some(error)))
    }
}

fn refused(why: &str, error: Option<io::Error>) -> StartError {
    StartError::Takeover(error.map_or_else(|| why.to_owned(), |error| format!("{why}: {error}")))
}

/// What a service manager calls the sockets of an address.
fn name(address: SocketAddr) -> String {
    format!("geosteer-{address}").replace(':', ".")
}

/// Has a service manager keep sockets no more. A name may stand for UDP and TCP, of which one is still wanted: that one is
/// kept anew by [`keep`], which comes later.
fn let_go(address: SocketAddr) {
    tracing::warn!("{address} is not listened at any more: what waits there is lost");
    supervisor::forget(&name(address));
}

/// Has a service manager keep the sockets for the next start.
pub(super) fn keep(bound: &Bound, transports: &transports::Setup, admin: Option<&TcpListener>) {
    let named = |socket: BorrowedFd<'_>| SockRef::from(&socket).local_addr().ok()?.as_socket().map(name);
    let all = sockets(bound, transports, admin);
    supervisor::keep(&all.filter_map(|socket| Some((named(socket)?, socket))).collect::<Vec<_>>());
}

/// Copies of the sockets that the next server may have.
pub(super) fn to_pass_on(
    bound: &Bound,
    transports: &transports::Setup,
    admin: Option<&TcpListener>,
) -> io::Result<Vec<OwnedFd>> {
    sockets(bound, transports, admin).map(|socket| socket.try_clone_to_owned()).collect()
}

/// Every socket that strangers reach, those for plain DNS first.
fn sockets<'s>(
    bound: &'s Bound,
    transports: &'s transports::Setup,
    admin: Option<&'s TcpListener>,
) -> impl Iterator<Item = BorrowedFd<'s>> {
    let plain = bound.udp.iter().map(|one| one.socket.as_fd()).chain(bound.tcp.iter().map(AsFd::as_fd));
    plain.chain(transports.sockets()).chain(admin.map(AsFd::as_fd))
}

impl Server {
    /// Waits until another server has taken over.
    pub async fn taken_over(&self) {
        self.over.done().await;
    }

    /// Another server answers at the same sockets: takes no more queries, serves the TCP clients that are there, and ends.
    pub fn leave(mut self) {
        self.over.next().into_iter().for_each(supervisor::main_process);
        drop(self.admin.take());
        self.udp.take().into_iter().for_each(crate::listen::udp::Threads::leave);
        self.transports.stop();
        self.serving.give_up();
        self.reloads.stop();
        if let Some(reloading) = self.reloading.take() {
            // A panic there has been reported by the hook.
            let _panicked = reloading.join();
        }
        // The other one probes, and writes the state directory.
        drop(self.tending.take());
        drop(self.prober.take());
        drop(self.control.take());
        self.tcp.take().into_iter().for_each(crate::listen::tcp::Thread::leave);
        self.end();
    }
}
