//! Programs as checks: exit status 0 passes. No shell, an environment of our own, a bound on how many run at once,
//! how long, and how much they may write.

use super::progress::{Phase, Progress};
use super::{Ended, host_text, short};
use crate::health::{ExecCheck, TargetAddress};
use crate::limits::{PROBE_NOTE_PART, PROGRAM_GRACE_MS, PROGRAM_OUTPUT_MAX, PROGRAMS_AT_ONCE};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
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

/// Runs the program once. What it has started in its process group dies when it ends. The caller sets the deadline:
/// dropped before its end, the program dies with all that it started.
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
        Ok(child) => Group::new(child),
        // That it cannot be started says nothing of the endpoint.
        Err(error) => return Ended::inconclusive(format!("{} cannot be run: {error}", check.program)),
    };
    let stdout = group.leader.stdout.take();
    let mut output = Vec::new();
    let status = {
        let mut read = std::pin::pin!(read(stdout, &mut output));
        let first = tokio::select! {
            fits = &mut read => Ok(fits),
            status = group.wait() => Err(status),
        };
        let (status, fits) = match first {
            Ok(true) => (Some(group.wait().await), true),
            // Who writes too much is not waited for.
            Ok(false) => (None, false),
            // The end of its output comes with its own, unless somebody who has left its group holds the pipe.
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

/// A program and all that it started. It ends with the program; dropped before, it ends them all.
struct Group {
    leader: Child,
    /// The number of the program and of its group; none once all of it was ended.
    id: Option<Pid>,
    /// A pidfd, readable when the program has ended; none where the kernel has none. No pipe in truth, and never read from:
    /// what waits for any descriptor (`AsyncFd`) takes unsafe code.
    end: Option<pipe::Receiver>,
}

impl Group {
    fn new(leader: Child) -> Self {
        let id = leader.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let end = id.and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok());
        let end = end.and_then(|end| pipe::Receiver::from_owned_fd_unchecked(end).ok());
        Self { leader, id, end }
    }

    /// Waits for the end of the program, and ends what it has left behind.
    async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        if let Some(end) = &self.end {
            // The program has ended and its end was not learned yet: until then no other process can have its number.
            let _ = end.readable().await;
            self.kill();
        }
        let status = self.leader.wait().await;
        if self.end.is_none() {
            // A group with somebody in it keeps its number. That of an empty one would have to be handed out again, and to
            // a group, between these two lines: the kernel goes through all others first.
            self.kill();
        }
        self.id = None;
        status
    }

    fn kill(&self) {
        if let Some(id) = self.id {
            // It may be empty.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
