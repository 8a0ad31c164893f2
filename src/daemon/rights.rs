//! Rights: what the program that starts the server wants to be given up, and what of files is needed afterwards.

use super::load::zone_paths;
use super::{Files, Options, ServerSource, Sources, StartError, operators};
use crate::config::{self, DatabaseRef};
use crate::health::CheckKind;
use crate::query_log::Output;
use crate::rights::{self, Account, Confined, Needs, Report, Wanted};
use crate::snapshot::Snapshot;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a program that is nothing but the server gives up. One that embeds it keeps what it has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GiveUp {
    /// Whom root becomes, in place of what the server file says.
    pub user: Option<Box<str>>,
}

/// Rights on their way down: sockets are bound, and secrets that are read once have been; nothing is loaded yet.
pub(super) struct Giving {
    account: Option<Account>,
    landlock: bool,
    state: Option<PathBuf>,
}

impl Giving {
    /// Settles whom to become; none if the program keeps its rights.
    ///
    /// # Errors
    /// It would stay root although nobody said so, or there is no such user.
    pub(super) fn new(options: &Options, file: &config::Server) -> Result<Option<Self>, StartError> {
        let Some(told) = &options.rights else { return Ok(None) };
        let process = file.process.clone();
        let wanted = match told.user.clone() {
            Some(user) => Wanted { user: Some(user), group: None, landlock: process.landlock },
            None => Wanted { user: process.user, group: process.group, landlock: process.landlock },
        };
        let (account, warning) = wanted.account().map_err(StartError::Rights)?;
        warning.iter().for_each(|warning| tracing::warn!("{warning}"));
        let state = operators::folder(options.state.as_deref(), file, &options.sources.server);
        Ok(Some(Self { account, landlock: wanted.landlock, state }))
    }

    /// Becomes who is to be, without capabilities. From here on files are read as that user.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn give_up(&self) -> Result<(), StartError> {
        let cannot = |why: String| StartError::Rights(why);
        if let (Some(account), Some(folder)) = (&self.account, &self.state)
            && let Err(error) = rights::hand_over(folder, account)
        {
            tracing::warn!("the state directory {} cannot be given to {}: {error}", folder.display(), account.name);
        }
        rights::give_up(self.account.as_ref())
            .map_err(|error| cannot(format!("rights cannot be given up: {error}")))?;
        let left = Report::of_this_thread();
        if !left.is_given_up() {
            return Err(cannot(format!("rights are left that should be gone: {left}")));
        }
        Ok(())
    }

    /// Keeps the server to its files, if that is wanted and possible; says in the log what is in force.
    pub(super) fn confine(&self, needs: &Needs) -> (Report, Option<Arc<Confined>>) {
        let confined = match self.landlock.then(|| Confined::to(needs)) {
            Some(Ok(confined)) => confined,
            Some(Err(why)) => {
                tracing::warn!("files are not restricted: {why}");
                None
            }
            None => None,
        };
        let files = confined.as_ref().map(|confined| confined.by().to_owned());
        let report = Report { files, ..Report::of_this_thread() };
        tracing::info!("runs as {report}");
        if self.landlock && confined.is_none() {
            tracing::info!(
                "this kernel has no Landlock: what the server may read and write is the user's affair alone"
            );
        }
        (report, confined.map(Arc::new))
    }
}

/// The files that a configuration needs. What is only read before rights are given up is not among them.
pub(super) fn needs(
    file: &config::Server,
    sources: &Sources,
    state: Option<&Path>,
    loaded: (&Files, &Snapshot),
) -> Needs {
    let mut needs = of_server_file(file, sources, state);
    let (files, snapshot) = loaded;
    files.read.iter().for_each(|path| needs.read(path));
    for check in &snapshot.checks {
        match &check.kind {
            CheckKind::Exec(exec) => needs.run(Path::new(&*exec.program)),
            // The file itself may not be there yet.
            CheckKind::Push(push) => Path::new(&*push.file).parent().into_iter().for_each(|path| needs.read(path)),
            _ => {}
        }
    }
    needs
}

/// The part of them that the server file says, before anything that it names is read.
pub(super) fn of_server_file(file: &config::Server, sources: &Sources, state: Option<&Path>) -> Needs {
    let mut needs = Needs::default();
    if let ServerSource::File(path) = &sources.server {
        needs.read(path);
    }
    zone_paths(file, sources.zones.as_ref()).iter().for_each(|path| needs.read(path));
    for database in &file.databases {
        if let DatabaseRef::File(path) = database {
            needs.read(path);
        }
    }
    let secrets = file.tls.certificate.iter().chain(&file.tls.key).chain(&file.cookies.secret_file);
    secrets.chain(file.tsig.iter().map(|key| &key.secret_file)).for_each(|path| needs.read(path));
    state.iter().for_each(|path| needs.write(path));
    file.admin.socket.iter().for_each(|path| needs.write(path));
    if let Some(Output::File(path)) = file.query_log.as_ref().map(|log| &log.output) {
        needs.write(path);
    }
    needs
}
