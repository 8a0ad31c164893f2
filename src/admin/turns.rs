//! Whose turn it is to have something worked out: one at a time, a few wait, and after each there is a rest as long as its
//! work. So whoever asks, and however often, takes half of one core at most, behind the threads that answer. Work whose
//! fruits are kept needs no rest: nobody can have it done again.

use super::problem::Problem;
use crate::limits::{ADMIN_TURN_MS, ADMIN_TURNS_WAITING};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The turn that there is, and the places of those who wait for it.
#[derive(Debug)]
pub(super) struct Turns {
    one: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// The longest that somebody waits.
    patience: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(1 + ADMIN_TURNS_WAITING));
        Self { one: Arc::new(Semaphore::new(1)), places, patience: Duration::from_millis(ADMIN_TURN_MS) }
    }
}

impl Turns {
    /// Waits for the turn.
    pub(super) async fn turn(&self) -> Result<Turn, Problem> {
        let busy = || Problem::busy("others have something worked out: one at a time");
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let turn = timeout(self.patience, Arc::clone(&self.one).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
        Ok(Turn { held: Some((place, turn)), since: crate::clock::instant() })
    }
}

/// A turn; dropping it begins the rest, and the next one comes after that.
#[derive(Debug)]
pub(super) struct Turn {
    held: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    since: Instant,
}

impl Turn {
    /// What was done so far is not rested from: it is kept, and not done again.
    pub(super) fn done_for_good(&mut self) {
        self.since = crate::clock::instant();
    }
}

impl Drop for Turn {
    #[expect(clippy::disallowed_methods, reason = "a rest is time itself")]
    fn drop(&mut self) {
        let (held, worked) = (self.held.take(), self.since.elapsed());
        // Without a runtime the server stops.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(worked).await;
                drop(held);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_the_turn_a_few_wait_and_more_are_told_so() {
        let turns = Arc::new(Turns::default());
        let first = turns.turn().await.unwrap();
        let wait = || {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { turns.turn().await.map(drop) })
        };
        let waiting: Vec<_> = (0..ADMIN_TURNS_WAITING).map(|_| wait()).collect();
        // Each has run until it waits.
        for _ in 0..=ADMIN_TURNS_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(turns.turn().await.is_err(), "all places are taken");
        assert!(waiting.iter().all(|turn| !turn.is_finished()), "one at a time");
        drop(first);
        for turn in waiting {
            turn.await.unwrap().unwrap();
        }
        drop(turns.turn().await.unwrap());
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_so() {
        let turns = Turns { patience: Duration::from_millis(1), ..Turns::default() };
        let _first = turns.turn().await.unwrap();
        assert!(turns.turn().await.is_err());
    }

    #[tokio::test]
    async fn after_a_turn_comes_a_rest_as_long_as_its_work() {
        let turns = Turns::default();
        let mut first = turns.turn().await.unwrap();
        let worked = Duration::from_millis(100);
        first.since -= worked;
        let ended = crate::clock::instant();
        drop(first);
        let mut second = turns.turn().await.unwrap();
        assert!(ended.elapsed() >= worked);
        // Far more than anybody waits.
        second.since -= Duration::from_secs(3_600);
        second.done_for_good();
        drop(second);
        assert!(turns.turn().await.is_ok(), "no rest from what is done for good");
    }
}
