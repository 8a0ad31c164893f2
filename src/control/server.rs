//! The server's side of the control socket: bounded in connections, time and size; and the desk's clock.

use super::desk::{Desk, Peer};
use super::line::{self, Asked, Line};
use super::protocol::{Answer, Request};
use super::reload::{self, Reloads};
use crate::faults;
use crate::limits::{CONTROL_CONNECTIONS, CONTROL_MS, CONTROL_REQUEST_MAX};
use crate::priority;
use crate::restart::Part;
use std::cell::RefCell;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The running desk. Dropping it saves what there is to save and ends it.
#[derive(Debug)]
pub struct Thread {
    stop: Option<oneshot::Sender<()>>,
    line: Line,
    thread: Option<JoinHandle<()>>,
}

/// Starts the desk's thread, listening at `socket` if there is one; a socket that cannot be had is a warning.
///
/// # Errors
/// The thread or its runtime cannot be made.
pub fn start(desk: Desk, socket: Option<PathBuf>, reloads: Reloads) -> io::Result<Thread> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let (line, asked) = line::pair();
    let bound = {
        let _within = runtime.enter();
        socket.and_then(|path| match bind(&path) {
            Ok(bound) => {
                tracing::info!(socket = %path.display(), "control socket");
                Some(bound)
            }
            Err(error) => {
                tracing::warn!("there is no control socket: {}: {error}", path.display());
                None
            }
        })
    };
    let thread = std::thread::Builder::new().name("control".into()).spawn(move || {
        priority::behind_answers();
        let restarts = desk.restarts();
        let (desk, mut ends) = (Rc::new(RefCell::new(desk)), (asked, stopped));
        restarts.keep(Part::Control, || {
            LocalSet::new().block_on(&runtime, run(&desk, bound.as_ref(), &reloads, &mut ends));
        });
    })?;
    Ok(Thread { stop: Some(stop), line, thread: Some(thread) })
}

impl Thread {
    /// A line to the desk.
    #[must_use]
    pub fn line(&self) -> Line {
        self.line.clone()
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

/// A socket that is listened at; its file goes when it is dropped.
struct Bound {
    listener: UnixListener,
    path: PathBuf,
    /// The server's own user.
    uid: u32,
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> io::Result<Bound> {
    // A socket that nobody listens at was left by a server that was killed.
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            _ => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens there")),
        }
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    let uid = fs::metadata(path)?.uid();
    Ok(Bound { listener, path: path.to_owned(), uid })
}

async fn run(
    desk: &Rc<RefCell<Desk>>,
    bound: Option<&Bound>,
    reloads: &Reloads,
    (line, stopped): &mut (mpsc::Receiver<Asked>, oneshot::Receiver<()>),
) {
    let places = Arc::new(Semaphore::new(CONTROL_CONNECTIONS));
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        faults::here(Part::Control);
        tokio::select! {
            biased;
            _ = &mut *stopped => break,
            _ = ticks.tick() => desk.borrow_mut().tick(),
            Some(Asked { request, peer, answer }) = line.recv() => {
                let (desk, reloads) = (Rc::clone(desk), reloads.clone());
                tokio::task::spawn_local(async move {
                    let answered = answered(request, &peer, (&desk, &reloads)).await;
                    // Whoever asked may not wait any more.
                    let _nobody_waits = answer.send(answered);
                });
            }
            Some((stream, place)) = accept(bound, &places) => {
                let (desk, uid) = (Rc::clone(desk), bound.map_or(0, |bound| bound.uid));
                let reloads = reloads.clone();
                tokio::task::spawn_local(async move {
                    // A client that is slow or gone is its own affair.
                    let _gone = serve(stream, place, (&desk, &reloads), uid).await;
                });
            }
        }
    }
    desk.borrow_mut().finish();
}

/// The next connection and its place, once a place is free: until then clients wait in the kernel's queue, since
/// those that hold the places are of our own user and end by [`CONTROL_MS`]. `None` for ever if there is no socket,
/// and for this second if descriptors ran out.
async fn accept(bound: Option<&Bound>, places: &Arc<Semaphore>) -> Option<(UnixStream, OwnedSemaphorePermit)> {
    let Some(bound) = bound else { return std::future::pending().await };
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match bound.listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(_) => std::future::pending().await,
    }
}

/// Answers a request: a reload waits for its thread, all else is the desk's.
async fn answered(request: Request, peer: &Peer, (desk, reloads): (&RefCell<Desk>, &Reloads)) -> Answer {
    match request {
        Request::Reload(order) => reload::answer(reloads, order, peer).await,
        request => desk.borrow_mut().answer(request, peer),
    }
}

async fn serve(
    mut stream: UnixStream,
    place: OwnedSemaphorePermit,
    (desk, reloads): (&RefCell<Desk>, &Reloads),
    own: u32,
) -> io::Result<()> {
    let limit = Duration::from_millis(CONTROL_MS);
    let uid = stream.peer_cred()?.uid();
    let line = timeout(limit, line(&mut stream)).await??;
    let answer = if uid != own && uid != 0 {
        Answer::Refused { why: "only the server's own user and root are heard".into(), moves: Vec::new() }
    } else {
        match serde_json::from_slice::<Request>(&line) {
            Ok(request) => {
                if matches!(request, Request::Reload(_)) {
                    // It takes as long as it takes; whoever wants to drain a pool meanwhile must find a place.
                    drop(place);
                }
                answered(request, &Peer::User(uid), (desk, reloads)).await
            }
            Err(error) => Answer::Wrong { why: format!("the request cannot be read: {error}") },
        }
    };
    let mut reply = serde_json::to_vec(&answer)?;
    reply.push(b'\n');
    timeout(limit, stream.write_all(&reply)).await??;
    stream.shutdown().await
}

/// What comes up to the first newline, or the end.
async fn line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut part = [0; 2_048];
    loop {
        let length = stream.read(&mut part).await?;
        line.extend_from_slice(&part[..length]);
        if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
            line.truncate(end);
            return Ok(line);
        }
        if length == 0 {
            return Ok(line);
        }
        if line.len() > CONTROL_REQUEST_MAX {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
    }
}
