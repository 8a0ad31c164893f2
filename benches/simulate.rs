//! Simulations over the whole address space, as the command runs them: the zone of the demo, every network of the
//! embedded country database.
//!
//! `cargo bench --bench simulate [-- --database FILE] [--rounds N] [--json]`
//!
//! A simulation with its map must take no longer than 2 s. With another country database, `diff` from the embedded one
//! to it is timed as well, and must name countries that move.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};
use support::table::Table;
use support::{number, option};

/// A simulation takes no longer than this.
const PROMISED: Duration = Duration::from_secs(2);
const ZONES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/zones");

fn main() {
    let rounds = number("--rounds", 10);
    let folder = tempfile::tempdir().expect("a scratch directory");
    let map = folder.path().join("map.svg").display().to_string();
    let mut runs = vec![
        ("simulate --down pool/lon --map", vec!["simulate", "--zones", ZONES, "--down", "pool/lon", "--map", &map]),
        ("the same for IPv6", vec!["simulate", "--zones", ZONES, "--down", "pool/lon", "--ipv6"]),
    ];
    let database = option("--database");
    if let Some(database) = &database {
        runs.push(("diff of two databases", vec!["diff", ZONES, "--geo-new", database]));
    }
    let columns = ["what", "runs", "p50 s", "most s", "promised s"];
    let mut table = Table::new("simulations, from the start of the command to its end", &columns);
    let mut kept = true;
    for (what, arguments) in runs {
        let mut times: Vec<Duration> = (0..rounds).map(|_| run(&arguments)).collect();
        times.sort_unstable();
        let [half, most] = [times[times.len() / 2], times[times.len() - 1]];
        kept &= half <= PROMISED;
        let figures = [half, most, PROMISED].map(|time| format!("{:.2}", time.as_secs_f64()));
        table.row([what.to_owned(), rounds.to_string()].into_iter().chain(figures).collect());
    }
    table.print();
    assert!(kept, "a simulation takes longer than promised");
}

/// How long the command takes, which must succeed and name countries.
fn run(arguments: &[&str]) -> Duration {
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_geosteer")).args(arguments).output().expect("the command starts");
    let took = began.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("\nCOUNTRY "),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    took
}
