//! Instructions by callgrind: a bench runs itself under it, and what runs inside of a function called `measured`
//! counts.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs this program under callgrind with these arguments; gives the instructions inside of `measured`.
pub(crate) fn count(arguments: &[&str]) -> u64 {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let out = directory.path().join("counts");
    let program = std::env::current_exe().expect("this program has a path");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*measured*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(arguments)
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "callgrind runs");
    total(&out)
}

/// The instructions that one of callgrind's files counts.
pub(crate) fn total(file: &Path) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_else(|problem| panic!("{}: {problem}", file.display()));
    let line = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    line.and_then(|count| count.trim().parse().ok()).expect("callgrind writes a total")
}
