//! `geosteer run`: serve until SIGTERM or SIGINT; SIGHUP reloads.

use crate::config::AdminListen;
use crate::daemon::{self, GiveUp, Options, Server, ServerSource, Sources, Zones};
use crate::error::Exit;
use crate::listen::sys;
use crate::log;
use crate::supervisor;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Arguments of `geosteer run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server file (geosteer.toml); everything in it is optional
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Zone files, or directories of them; instead of the server file's `zones` [default: zones]
    #[arg(long, value_name = "PATH")]
    zones: Vec<PathBuf>,
    /// Listen here for UDP and TCP; instead of the server file's `listen` [default: 127.0.0.1:5300]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Keep overrides and health here, and listen for `geosteer drain` and its like; instead of the server file's `state`
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The admin server (API, page for people, metrics) listens here, or `off`; instead of the server file's
    /// `[admin] listen` [default: 127.0.0.1:8053]
    #[arg(long, value_name = "ADDR", value_parser = admin)]
    admin: Option<AdminListen>,
    /// Become this user, if started as root; instead of the server file's `[process] user` [default: geosteer]
    #[arg(long, value_name = "USER", env = "GEOSTEER_USER")]
    user: Option<Box<str>>,
    /// Write the log as JSON, one object a line
    #[arg(long)]
    log_json: bool,
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    sys::limit_arenas();
    let server = args.config.map_or_else(|| ServerSource::Given(Box::default()), ServerSource::File);
    let log = match daemon::server(&server) {
        Ok((file, _)) => log::start(args.log_json || file.log.json),
        Err(error) => return failed(&error.to_string()),
    };
    let zones = (!args.zones.is_empty()).then_some(Zones::Paths(args.zones));
    let options = Options {
        listen: args.listen,
        threads: None,
        tcp: None,
        state: args.state,
        admin: args.admin,
        token: None,
        rights: Some(GiveUp { user: args.user }),
        sources: Sources { server, zones },
    };
    // The signals first: a SIGHUP while it starts must not end the process.
    let host = match Host::new() {
        Ok(host) => host,
        Err(error) => return failed(&format!("cannot start: {error}")),
    };
    match Server::start(options) {
        Ok(server) => {
            log.in_a_thread();
            banner(&server);
            host.serve(server)
        }
        Err(error) => failed(&error.to_string()),
    }
}

fn admin(text: &str) -> Result<AdminListen, String> {
    match text {
        "off" => Ok(AdminListen::Off),
        _ => text.parse().map(AdminListen::At).map_err(|_| "an address is like 127.0.0.1:8053; or `off`".to_owned()),
    }
}

fn failed(why: &str) -> Exit {
    eprintln!("{}", why.trim_end());
    Exit::Failed
}

/// Says what is served and where: for people first, then a line for programs.
pub fn banner(server: &Server) {
    let state = server.state();
    let snapshot = &state.snapshot;
    for (index, zone) in snapshot.settings.iter().enumerate() {
        let names = snapshot.names.iter().filter(|name| name.zone.index() == index).count();
        let pools = snapshot.pools.iter().filter(|pool| pool.zone.index() == index);
        let (pools, endpoints) = pools.fold((0, 0), |sum, pool| (sum.0 + 1, sum.1 + usize::from(pool.count)));
        let apex = zone.apex.to_string();
        tracing::info!("zone {apex:<30} {names:>6} balanced names {pools:>6} pools {endpoints:>6} endpoints");
    }
    match snapshot.targets.len() {
        0 => tracing::info!("nothing is probed: every name is answered at once"),
        targets => tracing::info!(targets, "first round of probes: a balanced name is answered when its pools' are in"),
    }
    for address in server.addresses() {
        tracing::info!(udp = %address, tcp = %address, "listening");
    }
    for one in server.listening() {
        let for_whom = if one.is_proxied { "front ends" } else { "everybody" };
        tracing::info!(transport = one.transport, address = %one.address, r#for = for_whom, "listening");
    }
}

/// The process around a server: its signals.
#[derive(Debug)]
pub struct Host {
    runtime: tokio::runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Host {
    /// Takes the signals over; before the server starts, so that an early SIGHUP does not end the process.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _within = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hang_up = signal(SignalKind::hangup())?;
        drop(_within);
        Ok(Self { runtime, terminate, interrupt, hang_up })
    }

    /// Serves until SIGTERM or SIGINT, reloads at SIGHUP, then drains.
    #[must_use]
    pub fn serve(mut self, server: Server) -> Exit {
        let (watch, watched) = sync_channel(0);
        std::thread::scope(|scope| {
            scope.spawn(|| daemon::supervise(&server, &{ watched }));
            self.runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = self.terminate.recv() => return,
                        _ = self.interrupt.recv() => return,
                        _ = self.hang_up.recv() => server.reloads().order("SIGHUP"),
                    }
                }
            });
            drop(watch);
            server.wait_no_longer();
        });
        supervisor::stopping();
        tracing::info!("draining");
        let totals = server.totals();
        server.stop();
        tracing::info!(queries = totals.queries, panics = totals.panics, "stopped");
        Exit::Ok
    }
}
