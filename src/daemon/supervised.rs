//! The server under a service manager: it is told that we are ready once we have answered a question of our own, and
//! that we live as long as that works.

use super::Server;
use crate::limits::SERVING_ROUNDS_TOLD;
use crate::serving::{self, Trouble};
use crate::supervisor;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// A server that is not watched looks up this often for its end.
const UNWATCHED: Duration = Duration::from_secs(3_600);
/// The pause between rounds of questions that nobody answers.
const PAUSE: Duration = Duration::from_millis(500);

/// Tells the service manager how the server is, until the other end of `stop` is dropped. Returns at once if nobody
/// listens.
pub fn supervise(server: &Server, stop: &Receiver<()>) {
    if !supervisor::is_there() {
        return;
    }
    if !server.wait_for_first_round() {
        tracing::warn!(
            "the first round of probes takes long: the service manager is told that we are ready without it"
        );
    }
    if !answers_at_last(server, stop) {
        return;
    }
    supervisor::ready(&server.served());
    // Twice in the time that it allows, as sd_watchdog_enabled(3) advises.
    let beat = supervisor::watchdog().map(|limit| limit / 2);
    let mut answered = answers(server);
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(beat.unwrap_or(UNWATCHED)) {
        if beat.is_none() {
            continue;
        }
        let found = asked(server);
        // A flood may cost our own question, and may not cost the server its life: then others are answered.
        let now = answers(server);
        match found {
            Err(trouble) if now == answered => tracing::error!("the watchdog is told nothing: {trouble}"),
            _ => supervisor::alive(),
        }
        answered = now;
    }
}

/// Waits until we answer ourselves; false if the server stops before.
fn answers_at_last(server: &Server, stop: &Receiver<()>) -> bool {
    let mut rounds = 0;
    while let Err(trouble) = asked(server) {
        rounds += 1;
        if rounds == SERVING_ROUNDS_TOLD {
            tracing::warn!("the service manager is not told that we are ready: {trouble}");
            supervisor::status(&format!("not ready: {trouble}"));
        }
        if !matches!(stop.recv_timeout(PAUSE), Err(RecvTimeoutError::Timeout)) {
            return false;
        }
    }
    true
}

/// Asks the first of our sockets for the first of our zones, over UDP: whoever fills our TCP connections must not seem
/// to be our end. A zone whose keys are missing says SERVFAIL, as it must: that is a sign of life as well, and no reason to
/// end a server with all its other zones.
fn asked(server: &Server) -> Result<(), String> {
    let (address, state): (SocketAddr, _) = (server.address(), server.state());
    let Some(zone) = state.snapshot.settings.first() else { return Ok(()) };
    match serving::over_udp(address, &zone.apex) {
        Ok(()) => Ok(()),
        Err(Trouble::Failed(_)) if zone.signing.is_locked() => Ok(()),
        Err(Trouble::Silent(why)) => Err(format!("our own question to {address} got {why}")),
        Err(Trouble::Failed(why) | Trouble::Wrong(why)) => {
            Err(format!("our own question to {address} was answered wrongly: {why}"))
        }
    }
}

fn answers(server: &Server) -> u64 {
    server.totals().replies
}
