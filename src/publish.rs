//! The one shared pointer to the current state. One writer stores; readers load it once a batch and never
//! wait, whatever the writer does.

use crate::state::State;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// The pointer. `S` is [`State`] everywhere but in tests of the transports.
#[derive(Debug)]
pub struct Published<S = State>(ArcSwap<S>);

impl<S> Published<S> {
    /// A pointer to the first state.
    #[must_use]
    pub fn new(state: S) -> Self {
        Self(ArcSwap::from_pointee(state))
    }

    /// The current state, for as long as the guard lives: one batch, not longer, or an old one is kept.
    pub fn load(&self) -> Guard<Arc<S>> {
        self.0.load()
    }

    /// The current state, to keep.
    #[must_use]
    pub fn load_full(&self) -> Arc<S> {
        self.0.load_full()
    }

    /// Puts `state` in place and gives back the one before it, which readers may hold until their batch ends: the
    /// caller drops it where a long drop hurts nobody.
    pub fn store(&self, state: S) -> Arc<S> {
        self.0.swap(Arc::new(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_keeps_its_state_and_the_next_load_sees_the_new_one() {
        let published = Published::new(1);
        let batch = published.load();
        let old = published.store(2);
        assert_eq!((**batch, *old, **published.load()), (1, 1, 2));
    }
}
