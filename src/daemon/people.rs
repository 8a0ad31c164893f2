//! Where the admin server listens and who may use it: settled before anything is loaded, so that a mistake shows first.

use super::writing::Serving;
use super::{ServerSource, StartError, load};
use crate::admin::{self, Connected, Guard, LISTEN, Token};
use crate::config::{Admin, AdminListen};
use crate::listen::bind;
use crate::listen::inherit::Inherited;
use crate::snapshot::Snapshot;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

/// A socket and its rules.
#[derive(Debug)]
pub(super) struct Setup {
    listener: TcpListener,
    guard: Guard,
}

impl Setup {
    /// Binds and reads the token. `told` and `token` count in place of what the file says. `None`: it listens nowhere,
    /// since that is wanted, or since nothing is said and the usual address is taken.
    ///
    /// # Errors
    /// An address that was asked for cannot be had; a token that cannot be read; no token beyond loopback.
    pub(super) fn new(
        told: Option<AdminListen>,
        token: Option<Token>,
        file: &Admin,
        inherited: &mut Inherited,
    ) -> Result<Option<Self>, StartError> {
        let (address, is_usual) = match told.unwrap_or(file.listen) {
            AdminListen::Off => return Ok(None),
            AdminListen::Usual => (LISTEN, true),
            AdminListen::At(address) => (address, false),
        };
        let token = token.map_or_else(|| token_of(file), |token| Ok(Some(token)))?;
        if !address.ip().to_canonical().is_loopback() && token.is_none() {
            return Err(StartError::Admin(format!(
                "the admin server would listen on {address}, where others reach it, without a token\n  \
                 help: `openssl rand -hex 32 > admin.token; chmod 600 admin.token`, and in the server file: \
                 [admin] token_file = \"admin.token\"; or listen on a loopback address"
            )));
        }
        let listener = match bind::listener(address, inherited, || TcpListener::bind(address)) {
            Ok(listener) => listener,
            Err(error) if is_usual => {
                tracing::warn!(
                    "there is no admin server: {address}: {}; `--admin ADDR` or `[admin] listen` says where it \
                     listens, `--admin off` that it does not",
                    error.error
                );
                return Ok(None);
            }
            Err(error) => {
                return Err(StartError::Admin(match error.held {
                    Some(_) => format!("the admin server {error}"),
                    None => {
                        let error = &error.error;
                        format!("the admin server cannot listen on {address}: {error}{}", help(error))
                    }
                }));
            }
        };
        Ok(Some(Self { listener, guard: Guard::new(token, file.hosts.clone()) }))
    }

    /// Its socket.
    pub(super) const fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// Starts it.
    pub(super) fn start(self, connected: Connected) -> io::Result<admin::Thread> {
        admin::start(self.listener, self.guard, connected)
    }
}

fn help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "\n  help: another program listens there; --admin ADDR takes another address",
        io::ErrorKind::AddrNotAvailable => "\n  help: this machine has no such address",
        _ => "",
    }
}

fn token_of(file: &Admin) -> Result<Option<Token>, StartError> {
    let Some(path) = &file.token_file else { return Ok(None) };
    let (token, warning) = Token::read(path).map_err(|error| StartError::Admin(format!("the admin token: {error}")))?;
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    Ok(Some(token))
}

/// What the admin server asks the composition root for.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) serving: Arc<Serving>,
    pub(super) source: ServerSource,
    pub(super) listen: Vec<SocketAddr>,
}

impl admin::Daemon for Root {
    fn is_ready(&self) -> bool {
        self.serving.is_first_round_over()
    }

    fn compile(&self, zone: &str, like: &Snapshot) -> Result<Arc<Snapshot>, Vec<String>> {
        let compiled =
            load::server(&self.source).and_then(|(file, _)| load::proposed(&file, zone, Arc::clone(&like.databases)));
        compiled.map_err(|error| error.lines())
    }

    fn file(&self) -> Option<&Path> {
        match &self.source {
            ServerSource::File(path) => Some(path),
            ServerSource::Given(_) => None,
        }
    }

    fn listen(&self) -> &[SocketAddr] {
        &self.listen
    }
}
