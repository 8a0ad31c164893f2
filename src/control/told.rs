//! What the writer's thread tells the desk.

use crate::overrides::Key;

/// Something that the desk has to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// The state with these overrides is published.
    Overridden {
        /// The number that the desk gave them.
        number: u64,
    },
    /// Another configuration serves.
    Adopted,
    /// A target's state changed.
    Changed,
    /// The state that was just published names these endpoints, although an operator took them out.
    Named(Vec<Key>),
}
