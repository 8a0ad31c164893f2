//! 100,000 signed names over 10,000 policies and 30,000 pools: time to serve, memory, what the first questions after a
//! start cost, a site that fails under load, and what a restart costs when the signatures are kept.
//!
//! `cargo bench --bench signed_100k [-- --seconds N] [--rate N] [--json]`
//!
//! All clients are European. The European pools fail at one moment: every answer changes, and none of the new ones was
//! ever signed. A SERVFAIL or a lost query fails the bench.

use std::net::Ipv4Addr;
use std::time::Duration;

mod support;

use support::ask::Ask;
use support::endpoints::{Endpoints, Mood};
use support::load::{Load, Outcome, Until};
use support::queries::Stream;
use support::server::{Server, Start, pinned};
use support::table::Table;
use support::zones::{NAMES, POLICIES, european_addresses, many_signed_names};

/// A network of Europe.
const EUROPE: &str = "193.0.6.0/24";
const SERVFAIL: usize = 2;
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let endpoints = Endpoints::start(1);
    let zone = many_signed_names(NAMES, POLICIES, (Endpoints::address(0), endpoints.port));
    let last = |octets: [u8; 4]| (ask(NAMES - 1), octets.to_vec());
    let [european, _] = european_addresses(NAMES - 1);
    let european = last(european.parse::<Ipv4Addr>().expect("an address").octets());
    let start = Start { zone: &zone, wrapper: &pinned(), wildcard: false, probe: european.clone() };
    let mut server = Server::start_with(&start, "[guard]\nshare = 100\n");
    let mut table = Table::new("100,000 signed names", &["what", "figure", "unit"]);
    let mut figure = |what: &str, value: f64, unit: &str| {
        table.row(vec![what.to_owned(), format!("{value:.2}"), unit.to_owned()]);
    };
    figure("start to first right answer, nothing signed before", server.ready.as_secs_f64(), "s");
    figure("processor time until then", server.cpu().as_secs_f64(), "s");
    figure("resident after load", server.megabytes("VmRSS"), "MB");
    let everybody = everybody();
    let rate = support::number("--rate", 10_000) as f64;
    let seconds = Duration::from_secs(support::number("--seconds", 10));
    let mut well = true;
    let mut ask_all = |server: &Server, what: &str, load: Load, figure: &mut dyn FnMut(&str, f64, &str)| {
        let before = server.cpu();
        let run = load.run(server.address, &everybody);
        let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / run.answered.max(1) as f64;
        figure(&format!("{what}: p50"), f64::from(run.percentile(0.5)), "µs");
        figure(&format!("{what}: p99"), f64::from(run.percentile(0.99)), "µs");
        figure(&format!("{what}: processor time"), cpu, "µs an answer");
        figure(&format!("{what}: SERVFAIL, lost"), (run.rcodes[SERVFAIL] + run.lost) as f64, "queries");
        well &= run.rcodes[SERVFAIL] + run.lost == 0;
        run
    };
    let paced = Load { rate, until: Until::Answers(NAMES as u64), ..Load::default() };
    ask_all(&server, "every name asked for the first time", paced, &mut figure);
    let steady = Load { rate, until: Until::Time(seconds), ..Load::default() };
    ask_all(&server, "again", steady, &mut figure);
    figure("resident with 100,000 answers signed", server.megabytes("VmRSS"), "MB");
    endpoints.set(0, Mood::Closes);
    let failing = Load { until: Until::Time(seconds.max(Duration::from_secs(10)) + Duration::from_secs(5)), ..steady };
    let run: Outcome = ask_all(&server, "10,000 pools fail meanwhile", failing, &mut figure);
    figure("answers in that time", run.answered as f64, "");
    let policy = (NAMES - 1) % POLICIES;
    let american = last([10, 1, (policy >> 8) as u8, (policy & 255) as u8]);
    server.wait_for(&american, Duration::from_secs(1));
    figure("resident after that", server.megabytes("VmRSS"), "MB");
    figure("peak", server.megabytes("VmHWM"), "MB");
    // Health is kept too: the site is still down.
    let [ended, began] = server.again(&american, PATIENCE);
    let file = server.directory().join("state/signatures/example.com.signatures");
    let kept = std::fs::metadata(file).map_or(0, |file| file.len());
    figure("signatures on disk", kept as f64 / 1e6, "MB");
    figure("end, all of them written", ended.as_secs_f64(), "s");
    figure("restart to first right answer", began.as_secs_f64(), "s");
    figure("processor time until then", server.cpu().as_secs_f64(), "s");
    figure("resident", server.megabytes("VmRSS"), "MB");
    ask_all(&server, "every name after the restart", paced, &mut figure);
    server.stop();
    table.print();
    assert!(well && kept > 0, "a query was lost or got SERVFAIL, or no signatures were kept");
}

fn ask(name: usize) -> Ask {
    Ask::new(&format!("n{name}.example.com"), 1).dnssec_ok().subnet(EUROPE)
}

/// One question for every name, far from each other in the order of the zone.
fn everybody() -> Stream {
    let scattered = |index: usize| index * 77_773 % NAMES;
    Stream { name: "everybody".into(), messages: (0..NAMES).map(|index| ask(scattered(index)).bytes()).collect() }
}
