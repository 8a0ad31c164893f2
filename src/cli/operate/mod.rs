//! The verbs that talk to the running server: overrides (`drain`, `undrain`, `shed`, `up`, `down`, `auto`, `weight`), what is said to
//! safeguards (`resume`, `release`), `reload`, and what it knows (`status`, `pools`, `endpoints`, `events`). Exit codes: 0 done, 1 the answer is no, 2 usage, 3 no server,
//! 4 refused.

mod fleet;
mod let_back;
mod metrics;
mod orders;
mod reload;
mod serving;
mod show;
pub(super) mod table;

pub use let_back::{ReleaseArgs, ResumeArgs, release, resume};
pub use metrics::{MetricsArgs, metrics};
pub use orders::{Drain, Forced, Shed, Undrain, Weigh, drain, forced, shed, undrain, weigh};
pub use reload::{ReloadArgs, reload};
pub use serving::StatusArgs;
pub use show::{EndpointsArgs, EventsArgs, ListArgs, endpoints, events, pools, status};

use crate::admin::read_token;
use crate::config::{self, FleetServer};
use crate::control::{Answer, AskError, Request, SOCKET, STATE, ask};
use crate::error::Exit;
use crate::fleet::Member;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The server file of a package.
const SERVER_FILE: &str = "/etc/geosteer/geosteer.toml";

/// Where the server is.
#[derive(Clone, Debug, clap::Args)]
pub struct Where {
    /// The server's control socket [default: the one of --config, else /var/lib/geosteer/admin.sock]
    #[arg(long, value_name = "PATH", env = "GEOSTEER_SOCKET")]
    pub(super) socket: Option<PathBuf>,
    /// The server file: it says where the control socket is, and which servers are the fleet [default:
    /// /etc/geosteer/geosteer.toml if it is there and no socket is said]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Where {
    fn path(&self) -> Result<PathBuf, Exit> {
        // What is said on this command line counts before the environment.
        let Some(file) = &self.config else {
            return Ok(self.socket.clone().unwrap_or_else(|| Path::new(STATE).join(SOCKET)));
        };
        let server = read(file)?;
        let state = server.state.unwrap_or_else(|| PathBuf::from(STATE));
        Ok(server.admin.socket.unwrap_or_else(|| state.join(SOCKET)))
    }

    /// The servers that the server file says are the fleet; none: there is no fleet.
    pub(super) fn fleet(&self) -> Result<Vec<Member>, Exit> {
        let usual = Some(Path::new(SERVER_FILE)).filter(|file| self.socket.is_none() && file.exists());
        let Some(file) = self.config.as_deref().or(usual) else { return Ok(Vec::new()) };
        let server = read(file).inspect_err(|_| eprintln!("help: --here asks the server of this machine alone"))?;
        Ok(server.fleet.into_iter().map(member).collect())
    }

    /// True if a server listens there.
    pub(super) fn is_there(&self) -> bool {
        // Mistakes in the file are said by whoever reads it next.
        let is_readable = self.config.as_ref().is_none_or(|file| config::load_server(file).is_ok());
        is_readable && self.path().is_ok_and(|path| UnixStream::connect(path).is_ok())
    }

    /// Asks the server. Refusals and the like are said here.
    pub(super) fn ask(&self, request: &Request) -> Result<Answer, Exit> {
        let path = self.path()?;
        let answer = ask(&path, request).map_err(|error| {
            let path = path.display();
            match error {
                AskError::NoServer(error) => eprintln!(
                    "error: no server listens at {path}: {error}\n  \
                     help: --config FILE, --socket PATH or GEOSTEER_SOCKET says where it is"
                ),
                AskError::Broken(error) => eprintln!("error: the server at {path} gave no answer: {error}"),
            }
            Exit::Failed
        })?;
        let (exit, why, moves) = match &answer {
            Answer::No { why } => (Exit::No, why, &[][..]),
            Answer::Wrong { why } => (Exit::Usage, why, &[][..]),
            Answer::Refused { why, moves } => (Exit::Refused, why, &moves[..]),
            _ => return Ok(answer),
        };
        if self.json {
            print_json(&answer);
        }
        eprintln!("error: {why}");
        if !self.json && !moves.is_empty() {
            eprint!("{}", orders::moves_text(moves));
        }
        Err(exit)
    }
}

fn read(file: &Path) -> Result<config::Server, Exit> {
    let read = config::load_server(file).map(|(server, _)| server);
    read.map_err(|report| {
        eprintln!("{}", report.human(false).trim_end());
        Exit::Usage
    })
}

/// A server of the fleet with its token. That a token cannot be read is said when its server is asked: the others are.
fn member(server: FleetServer) -> Member {
    let token = match read_token(&server.token_file) {
        Ok((token, warning)) => {
            warning.iter().for_each(|warning| eprintln!("warning: {warning}"));
            Ok(token.into())
        }
        Err(error) => Err(format!("its token: {error}")),
    };
    Member { name: server.name, url: server.url, token }
}

fn print_json(answer: &Answer) {
    println!("{}", serde_json::to_string_pretty(answer).expect("strings and numbers are JSON"));
}

/// An answer of another kind than was asked for.
pub(super) fn strange() -> Exit {
    eprintln!("error: the server gave an answer of another kind: is it another version?");
    Exit::Failed
}
