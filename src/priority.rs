//! Which threads go first. Answers do: the threads that answer are woken for a few microseconds of work, and whoever
//! prepares something (the writer, the prober, the control thread, the reaper, a reload) must not make them wait.
//!
//! ```text
//! udp-N, tcp                                          a short slice: preferred when they wake    (listen)
//! writer, reaper, prober, control, webhook, reload    10 steps nicer than the process
//! ```
//!
//! Ten steps leave the others a tenth of a core that answers fill, which probes 10,000 endpoints and publishes what
//! changes: a flood delays health, and does not stop it. Where the system has no such thing, all are equal.

use crate::limits::BACKGROUND_NICE;

/// The calling thread, and the threads that it starts from now on, work behind those that answer. Once a thread.
pub fn behind_answers() {
    // Elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let _as_before = getpriority_process(None).and_then(|nice| setpriority_process(None, nice + BACKGROUND_NICE));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = BACKGROUND_NICE;
}
