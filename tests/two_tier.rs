//! The two tiers of `examples/two-tier` for real, in short form: geosteer over two HAProxys, clients with caches, a
//! server, a region and the prober's network taken away and given back. The script itself judges what clients saw.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// True if a program can be started.
fn has(program: &str, version: &str) -> bool {
    let run = Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

#[test]
fn clients_leave_a_dead_region_in_the_promised_time_and_come_back_and_miss_nothing_else() {
    let haproxy = ["haproxy", "/usr/sbin/haproxy"].iter().any(|program| has(program, "-v"));
    if !haproxy || !has("python3", "--version") {
        // Past the capture of output: a test that did not run must be seen.
        writeln!(std::io::stderr(), "two_tier: SKIPPED, haproxy or python3 is not installed").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let plot = folder.path().join("plot.svg");
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/two-tier/run"))
        .args(["--short", "--geosteer", env!("CARGO_BIN_EXE_geosteer"), "--plot"])
        .arg(&plot)
        .output()
        .unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}{errors}");
    assert!(output.status.success(), "{}", output.status);
    assert!(said.contains("everything as promised"));
    let plot = std::fs::read_to_string(&plot).unwrap();
    assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n"));
    assert!(plot.contains("all of Europe dies") && plot.contains("Clients in Europe"));
}
