//! What the system says of this process, as Prometheus' own libraries name it.

use crate::log;
use std::fs;

/// Ticks of the processor times in /proc a second: Linux tells user space 100, whatever its clock is.
const TICKS: f64 = 100.0;

/// Memory, descriptors and processor time; what the system does not say is left out.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Process {
    /// Memory in use, octets.
    pub resident: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Most descriptors that can be open.
    pub descriptors_max: Option<u64>,
    /// Processor time used so far, seconds.
    pub cpu: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Lines of the log that found no room, since the start.
    pub log_lost: Option<u64>,
}

impl Process {
    /// Reads /proc.
    #[must_use]
    pub fn read() -> Self {
        let text = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        let status = text("status").unwrap_or_default();
        let limits = text("limits").unwrap_or_default();
        Self {
            descriptors: fs::read_dir("/proc/self/fd").ok().map(|all| all.count() as u64),
            log_lost: log::lost(),
            ..Self::from_texts(&status, &limits, &text("stat").unwrap_or_default())
        }
    }

    /// From the texts of `status`, `limits` and `stat`.
    fn from_texts(status: &str, limits: &str, stat: &str) -> Self {
        let number = |text: &str, key: &str, word: usize| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().nth(word)?.parse().ok()
        };
        // The name in parentheses may hold anything: times are counted from its end.
        let times = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
        let ticks = times.and_then(|mut times| {
            let user: f64 = times.nth(11)?.parse().ok()?;
            Some(user + times.next()?.parse::<f64>().ok()?)
        });
        Self {
            resident: number(status, "VmRSS:", 0).map(|kilobytes| kilobytes << 10),
            descriptors: None,
            descriptors_max: number(limits, "Max open files", 0),
            cpu: ticks.map(|ticks| ticks / TICKS),
            threads: number(status, "Threads:", 0),
            log_lost: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_the_system_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 100 1 1";
        let status = "Name:\tgeosteer\nVmRSS:\t    2048 kB\nThreads:\t5\n";
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        let process = Process::from_texts(status, limits, stat);
        assert_eq!((process.resident, process.threads), (Some(2 << 20), Some(5)));
        assert_eq!((process.descriptors_max, process.cpu), (Some(1_024), Some(3.0)));
        assert_eq!(Process::from_texts("", "", ""), Process::default());
    }
}
