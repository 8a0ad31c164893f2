//! What is in force, as the kernel tells it.

use rustix::thread::CapabilitySet;
use std::fmt;
use std::fs;

/// Who the process is, and what it may.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The user's number.
    pub uid: u32,
    /// The names of the capabilities that it has, without `CAP_`.
    pub capabilities: Vec<String>,
    /// What it starts gets no more rights than it has.
    pub no_new_privileges: bool,
    /// Its files are restricted; in words, by what.
    pub files: Option<String>,
}

impl Report {
    /// Asks the kernel about the calling thread.
    #[must_use]
    pub fn of_this_thread() -> Self {
        Self::of_status(&fs::read_to_string("/proc/thread-self/status").unwrap_or_default())
    }

    /// From the text of a `status` of /proc.
    fn of_status(status: &str) -> Self {
        let words = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.split_whitespace().next().unwrap_or_default()
        };
        let held = ["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"].map(|key| u64::from_str_radix(words(key), 16));
        let held = held.into_iter().flatten().fold(0, |all, one| all | one);
        let held = CapabilitySet::from_bits_retain(held);
        Self {
            uid: words("Uid:").parse().unwrap_or(0),
            capabilities: held.iter_names().map(|(name, _)| name.to_owned()).collect(),
            no_new_privileges: words("NoNewPrivs:") == "1",
            files: None,
        }
    }

    /// By what the process is kept from more, each with whether that is in force.
    #[must_use]
    pub fn confined(&self) -> [(&'static str, bool); 4] {
        let few = self.capabilities.iter().all(|one| one == "NET_BIND_SERVICE");
        [
            ("user", self.uid != 0),
            ("capabilities", few),
            ("no-new-privileges", self.no_new_privileges),
            ("landlock", self.files.is_some()),
        ]
    }

    /// True if nothing is left but what is meant to be.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.no_new_privileges && self.capabilities.iter().all(|one| one == "NET_BIND_SERVICE")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", crate::control::user(self.uid))?;
        match &self.capabilities[..] {
            [] => f.write_str("no capability")?,
            few if few.len() <= 3 => write!(f, "capability {}", few.join(" "))?,
            many => write!(f, "{} capabilities", many.len())?,
        }
        f.write_str(if self.no_new_privileges { ", no new privileges" } else { ", new privileges possible" })?;
        match &self.files {
            Some(by) => write!(f, ", files restricted by {by}"),
            None => f.write_str(", files not restricted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let status = "Name:\tgeosteer\nUid:\t4242\t4242\t4242\t4242\nCapInh:\t0000000000000000\n\
                      CapPrm:\t0000000000000400\nCapEff:\t0000000000000400\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n";
        let report = Report::of_status(status);
        assert!(report.is_given_up());
        assert_eq!(
            report.to_string(),
            "uid 4242, capability NET_BIND_SERVICE, no new privileges, files not restricted"
        );
        let root = Report::of_status(&status.replace("CapPrm:\t0000000000000400", "CapPrm:\t000001ffffffffff"));
        assert!(!root.is_given_up(), "{root}");
        assert!(!Report::of_status(&status.replace("Privs:\t1", "Privs:\t0")).is_given_up());
    }
}
