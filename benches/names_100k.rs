//! 100,000 names over 10,000 policies, 30,000 pools and 60,000 endpoints: time to the first right answer of the
//! last name, memory after load and after a reload, and processor time an answer.
//!
//! `cargo bench --bench names_100k [-- --write FILE] [--json]`; `--write` only writes the zone.

mod support;

use std::time::Duration;
use support::ask::Ask;
use support::load::{Load, Until};
use support::queries::Stream;
use support::server::{Server, Start, pinned};
use support::table::Table;
use support::zones::{NAMES, POLICIES, european_addresses, many_names};

/// Between two looks at a server's memory.
const LOOK: Duration = Duration::from_millis(50);
/// Looks at most: ten seconds.
const MOST_LOOKS: u32 = 200;

fn main() {
    let zone = many_names(NAMES, POLICIES);
    if let Some(file) = support::option("--write") {
        std::fs::write(&file, zone).unwrap_or_else(|problem| panic!("{file}: {problem}"));
        return;
    }
    let last = Ask::new(&format!("n{}.example.com", NAMES - 1), 1).subnet("193.0.6.0/24");
    let address = european_addresses(NAMES - 1)[0].parse::<std::net::Ipv4Addr>().expect("an address").octets();
    let probe = (last, address.to_vec());
    let mut server = Server::start(&Start { zone: &zone, wrapper: &pinned(), wildcard: false, probe });
    let mut table = Table::new("100,000 names", &["what", "figure", "unit"]);
    let mut figure = |what: &str, value: f64, unit: &str| {
        table.row(vec![what.to_owned(), format!("{value:.2}"), unit.to_owned()]);
    };
    figure("start to first right answer", server.ready.as_secs_f64(), "s");
    figure("resident after load", server.megabytes("VmRSS"), "MB");
    figure("peak", server.megabytes("VmHWM"), "MB");
    let stream = Stream::many_names("100k", NAMES as u32, 100_000);
    let load = Load { until: Until::Time(Duration::from_secs(support::number("--seconds", 3))), ..Load::default() };
    let before = server.cpu();
    let run = load.run(server.address, &stream);
    figure("answers", run.rate(), "a second");
    figure("processor time", (server.cpu() - before).as_secs_f64() * 1e6 / run.answered.max(1) as f64, "µs an answer");
    let changed = zone.replacen("static 60   A 192.0.2.1\n", "static 60   A 192.0.2.77\n", 1);
    server.reload(&changed);
    server.wait_for(&(Ask::new("static.example.com", 1), vec![192, 0, 2, 77]), Duration::from_secs(60));
    figure("resident after a reload", settled(&server), "MB");
    figure("peak after a reload", server.megabytes("VmHWM"), "MB");
    server.stop();
    table.print();
}

/// What is resident once the server has dropped what it served before: when it has not become less for a second.
#[expect(clippy::disallowed_methods, reason = "a bench looks again after a while")]
fn settled(server: &Server) -> f64 {
    let mut least = server.megabytes("VmRSS");
    let mut quiet = 0;
    for _ in 0..MOST_LOOKS {
        std::thread::sleep(LOOK);
        let now = server.megabytes("VmRSS");
        quiet = if now < least { 0 } else { quiet + 1 };
        least = least.min(now);
        if LOOK * quiet >= Duration::from_secs(1) {
            break;
        }
    }
    server.megabytes("VmRSS")
}
