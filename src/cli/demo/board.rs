//! What the demo knows of health: it listens to the server's own log, keeps the last state of each check and
//! prints changes as one line each.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The longest that the demo waits for first outcomes before it prints its table.
const FIRST_ROUND: Duration = Duration::from_secs(3);

/// The last known states; copies share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Told {
    /// State and reason by check; in the demo each pool has a check of its own.
    states: HashMap<String, (String, String)>,
    /// Changes are printed as they come.
    printing: bool,
}

impl Board {
    /// A board that hears this process's log, in place of a log on stderr. Warnings and errors are still shown there.
    pub(super) fn install() -> Self {
        let board = Self::default();
        // A log that is there already (tests) stays: the board then hears nothing.
        let _already = tracing_subscriber::registry().with(board.clone()).try_init();
        board
    }

    /// Waits until that many checks have a state, or the first round must be over.
    pub(super) fn wait_for(&self, checks: usize) {
        let told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |told: &mut Told| told.states.len() < checks;
        drop(self.0.changed.wait_timeout_while(told, FIRST_ROUND, waiting));
    }

    /// The state of a check: `up`, `down`, or `unknown`.
    pub(super) fn state(&self, check: &str) -> String {
        let told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.states.get(check).map_or_else(|| "unknown".into(), |state| state.0.clone())
    }

    /// From now on prints each change.
    pub(super) fn print_changes(&self) {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).printing = true;
    }

    fn tell(&self, change: Words) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.printing {
            println!("{} is {}: {}", change.check, change.to, change.note);
        }
        told.states.insert(change.check, (change.to, change.note));
        self.0.changed.notify_all();
    }
}

impl<S: Subscriber> Layer<S> for Board {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        if !words.check.is_empty() && !words.to.is_empty() {
            self.tell(words);
        } else if *event.metadata().level() <= Level::WARN {
            eprintln!("{}: {}", event.metadata().level(), words.message);
        }
    }
}

/// The fields of a log line that the board looks at.
#[derive(Default)]
struct Words {
    check: String,
    to: String,
    note: String,
    message: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = match field.name() {
            "check" => &mut self.check,
            "to" => &mut self.to,
            "note" => &mut self.note,
            "message" => &mut self.message,
            _ => return,
        };
        *text = format!("{value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
