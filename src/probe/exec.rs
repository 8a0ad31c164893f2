//! Programs as checks: exit status 0 passes. No shell, an environment of our own, a bound on how many run at once,
//! how long, and how much they may write.

use super::progress::{Phase, Progress};
use super::{Ended, host_text, short};
use crate::health::{ExecCheck, TargetAddress};
use crate::limits::{PROBE_NOTE_PART, PROGRAM_GRACE_MS, PROGRAM_OUTPUT_MAX, PROGRAMS_AT_ONCE};
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Where programs find others.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long the end of the output may come after the end of the program.
const OUTPUT_GRACE: Duration = Duration::from_millis(PROGRAM_GRACE_MS);

/// The places for programs that run.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PROGRAMS_AT_ONCE)))
    }

    /// Waits for a place; none if the prober stops.
    pub(super) async fn take(self) -> Option<OwnedSemaphorePermit> {
        self.0.acquire_owned().await.ok()
    }
}

/// Runs the program once. The caller sets the deadline: dropped before its end, the program dies with all that it
/// started.
pub(super) async fn probe(check: &ExecCheck, address: &TargetAddress, progress: &Progress) -> Ended {
    progress.enter(Phase::Run);
    let address = match address {
        TargetAddress::Ip(ip) => ip.to_string(),
        TargetAddress::Host(name) => host_text(name),
    };
    let mut command = Command::new(&*check.program);
    command
        .args(check.arguments.iter().map(|argument| &**argument))
        .env_clear()
        .env("PATH", PATH)
        .env("GEOSTEER_ADDRESS", address)
        .env("GEOSTEER_CHECK", &*check.name)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let mut group = match command.spawn() {
        Ok(child) => Group(child),
        // That it cannot be started says nothing of the endpoint.
        Err(error) => return Ended::inconclusive(format!("{} cannot be run: {error}", check.program)),
    };
    let stdout = group.0.stdout.take();
    let mut output = Vec::new();
    let status = {
        let mut read = std::pin::pin!(read(stdout, &mut output));
        let first = tokio::select! {
            fits = &mut read => Ok(fits),
            status = group.0.wait() => Err(status),
        };
        let (status, fits) = match first {
            Ok(true) => (Some(group.0.wait().await), true),
            // Who writes too much is not waited for.
            Ok(false) => (None, false),
            // The end of its output comes with its own, unless it left somebody behind who holds the pipe.
            Err(status) => (Some(status), tokio::time::timeout(OUTPUT_GRACE, &mut read).await.unwrap_or(true)),
        };
        match status {
            Some(status) if fits => status,
            _ => return Ended::fail(format!("the program wrote more than {} KiB", PROGRAM_OUTPUT_MAX >> 10)),
        }
    };
    judge(status, &output, progress)
}

/// Reads to the end; false if there is too much.
async fn read(stdout: Option<ChildStdout>, output: &mut Vec<u8>) -> bool {
    let Some(stdout) = stdout else { return true };
    // A pipe that breaks has ended.
    let _ = stdout.take(PROGRAM_OUTPUT_MAX as u64 + 1).read_to_end(output).await;
    output.len() <= PROGRAM_OUTPUT_MAX
}

fn judge(status: std::io::Result<ExitStatus>, output: &[u8], progress: &Progress) -> Ended {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().next().map(str::trim).filter(|line| !line.is_empty());
    let said = line.map(|line| format!(": {}", short(line, PROBE_NOTE_PART))).unwrap_or_default();
    match status {
        Ok(status) if status.success() => Ended::pass(format!("passed in {} ms{said}", progress.millis())),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ended::fail(format!("exit status {code}{said}")),
            (None, signal) => Ended::fail(format!("ended by signal {}{said}", signal.unwrap_or(0))),
        },
        Err(error) => Ended::inconclusive(format!("the program's end cannot be learned: {error}")),
    }
}

/// A program and all that it started. Dropped before the program has ended, it ends them all.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // An id is there only until the end was learned: until then no other process can have it.
        let id = self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(id) = id {
            // It may have ended meanwhile.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}
