//! What the writer's thread tells the desk.

use crate::overrides::{Key, Said, Target};

/// Something that the desk has to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// The state with these overrides is published.
    Overridden {
        /// The number that the desk gave them.
        number: u64,
    },
    /// A gradual override has reached its end: the state is published.
    Arrived {
        /// Its target.
        target: Target,
        /// What it says.
        said: Said,
    },
    /// Another configuration serves.
    Adopted,
    /// Targets changed their states.
    Changed,
    /// The state that was just published names these endpoints, although an operator took them out.
    Named(Vec<Key>),
}
