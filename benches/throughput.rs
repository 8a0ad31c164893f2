//! Answers a second and processor time an answer over loopback, server on one core with one thread.
//!
//! `cargo bench --bench throughput [-- --seconds N] [--rate QUERIES_A_SECOND] [--json]`

mod support;

use std::time::Duration;
use support::ask::Ask;
use support::load::{Load, Until};
use support::queries::Stream;
use support::server::{Server, Start, pinned, static_probe};
use support::table::Table;
use support::zones;

const COLUMNS: [&str; 8] =
    ["queries", "listen", "answers/s", "server CPU µs/answer", "p50 µs", "p99 µs", "lost", "not NOERROR/NXDOMAIN"];

fn main() {
    let wrapper = pinned();
    let load = Load {
        rate: support::number("--rate", 0) as f64,
        until: Until::Time(Duration::from_secs(support::number("--seconds", 3))),
        ..Load::default()
    };
    let streams = [
        Stream::same("static", &Ask::new("static.example.com", 1).edns()),
        Stream::subnets("geo + subnet", "www.example.com", 100_000),
        Stream::missing("NXDOMAIN", 50_000),
    ];
    let mut table = Table::new("throughput (the load generator sends one datagram a system call)", &COLUMNS);
    for wildcard in [false, true] {
        let zone = zones::three_regions();
        let server = Server::start(&Start { zone: &zone, wrapper: &wrapper, wildcard, probe: static_probe() });
        for stream in &streams {
            let before = server.cpu();
            let run = load.run(server.address, stream);
            let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / run.answered.max(1) as f64;
            let odd: u64 = run.answered - run.rcodes[0] - run.rcodes[3];
            table.row(vec![
                stream.name.clone(),
                if wildcard { "wildcard" } else { "address" }.to_owned(),
                format!("{:.0}", run.rate()),
                format!("{cpu:.2}"),
                run.percentile(0.5).to_string(),
                run.percentile(0.99).to_string(),
                run.lost.to_string(),
                odd.to_string(),
            ]);
        }
        server.stop();
    }
    table.print();
}
