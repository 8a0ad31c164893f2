//! Exit codes; nothing else. What went wrong is printed where it is known.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: done, or the answer is yes.
    Ok,
    /// 1: done, and the answer is no (`check` found errors, a name has no answer).
    No,
    /// 2: the command line makes no sense (clap's own code).
    Usage,
    /// 3: it could not be done: files, addresses, the system.
    Failed,
    /// 4: a running server has refused it.
    Refused,
}

impl Exit {
    /// The number that the parent process sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Refused => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
