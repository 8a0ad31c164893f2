//! Why a pool serves a row's clients, in the few words that answers are counted by.

/// Why a pool serves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It stands in the row's first step.
    Chosen,
    /// It stands in a later step, or is the next nearest: what stands before is not live, has no address of the family,
    /// or sheds these clients.
    NextStep,
    /// No step is live: it has live members, fewer than its `min_healthy`.
    BelowMinimum,
    /// Nothing of the row is live: its members are answered whatever their health.
    FailOpen,
    /// Nothing of the row is live, and the name says that it falls back to this pool.
    Fallback,
}

impl Reason {
    /// All of them, each at its own number.
    pub const ALL: [Self; 5] = [Self::Chosen, Self::NextStep, Self::BelowMinimum, Self::FailOpen, Self::Fallback];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::NextStep => "next-step",
            Self::BelowMinimum => "below-minimum",
            Self::FailOpen => "fail-open",
            Self::Fallback => "fallback",
        }
    }

    /// That of a step of a row.
    pub(super) const fn of_step(index: usize) -> Self {
        if index == 0 { Self::Chosen } else { Self::NextStep }
    }
}
