//! Metrics of a real server: what is asked over sockets is counted, and strangers' names make no series.

mod metered;
mod process;

use metered::{PATIENCE, Server, ZONE};
use process::query;
use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;

const ONE: &str =
    "geosteer_answers_total{zone=\"example.com.\",policy=\"near\",region=\"home\",pool=\"one\",reason=\"chosen\"}";
const TWO: &str =
    "geosteer_answers_total{zone=\"example.com.\",policy=\"near\",region=\"home\",pool=\"two\",reason=\"next-step\"}";
const UDP_A: &str = "geosteer_dns_requests_total{transport=\"udp\",family=\"4\",type=\"A\"}";

#[test]
fn what_is_asked_is_counted_by_its_words() {
    let server = Server::start("[metrics]\nnames = true\n");
    for _ in 0..3 {
        server.ask("www.example.com", 1);
    }
    server.ask("WWW.example.com", 28);
    server.ask("static.example.com", 1);
    server.ask("none.example.com", 16);
    server.ask("www.example.org", 65);
    server.ask_tcp("www.example.com", 1);
    let tcp = "geosteer_dns_requests_total{transport=\"tcp\",family=\"4\",type=\"A\"}";
    let samples = server.wait_for(tcp, 1.0);
    for (series, value) in [
        (UDP_A, 4.0),
        ("geosteer_dns_requests_total{transport=\"udp\",family=\"4\",type=\"AAAA\"}", 1.0),
        ("geosteer_dns_requests_total{transport=\"udp\",family=\"4\",type=\"HTTPS\"}", 1.0),
        ("geosteer_dns_requests_total{transport=\"udp\",family=\"6\",type=\"A\"}", 0.0),
        ("geosteer_dns_responses_total{zone=\"example.com.\",rcode=\"NOERROR\"}", 6.0),
        ("geosteer_dns_responses_total{zone=\"example.com.\",rcode=\"NXDOMAIN\"}", 1.0),
        ("geosteer_dns_responses_total{zone=\"none\",rcode=\"REFUSED\"}", 1.0),
        (ONE, 4.0),
        ("geosteer_name_answers_total{name=\"www.example.com.\"}", 4.0),
        ("geosteer_respond_duration_seconds_count{transport=\"udp\"}", 7.0),
        ("geosteer_respond_duration_seconds_count{transport=\"tcp\"}", 1.0),
        ("geosteer_pool_up{zone=\"example.com.\",pool=\"one\"}", 1.0),
        ("geosteer_endpoint_up{zone=\"example.com.\",pool=\"two\",endpoint=\"b\"}", 1.0),
        ("geosteer_worker_panics_total", 0.0),
        ("geosteer_zones", 1.0),
        ("geosteer_names", 2.0),
    ] {
        assert_eq!(samples.get(series), Some(&value), "{series}");
    }
    assert!(server.verb(&["status"]).contains("(p99)"));
}

#[test]
fn strangers_names_make_no_series() {
    let server = Server::start("");
    let series = |samples: BTreeMap<String, f64>| samples.into_keys().collect::<BTreeSet<_>>();
    let before = server.scrape();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reply = [0; 1_500];
    let zones = ["example.com", "wild.example.com", "example.org", "static.example.com", "com"];
    for number in 0..10_000_u32 {
        // Bytes of all kinds, those that would break a label among them.
        let label = format!("{:x}\"\\\n{{}}={number}", number.wrapping_mul(2_654_435_761));
        let name = format!("{label}.{}", zones[number as usize % zones.len()]);
        socket.send_to(&query(&name, number as u16 % 70), server.address).unwrap();
        socket.recv(&mut reply).unwrap();
    }
    let after = server.scrape();
    let total = |samples: &BTreeMap<String, f64>| {
        let requests = samples.iter().filter(|(series, _)| series.starts_with("geosteer_dns_requests_total"));
        requests.map(|sample| sample.1).sum::<f64>()
    };
    assert_eq!(total(&after) - total(&before), 10_000.0);
    assert_eq!(series(before), series(after));
}

#[test]
fn counters_go_on_over_a_reload_and_say_why_a_pool_serves() {
    let server = Server::start("");
    (0..3).for_each(|_| drop(server.ask("www.example.com", 1)));
    server.wait_for(ONE, 3.0);
    let more = ZONE.replace(
        "[pools]",
        "[pools]\nthree = { check = \"none\", endpoints = [{ name = \"c\", address = \"192.0.2.3\" }] }",
    );
    std::fs::write(server.path().join("zone.toml"), more.replace("home = [\"one\"", "home = [\"one\", \"three\""))
        .unwrap();
    server.signal("-HUP");
    server.line(&["the new configuration serves"]);
    server.ask("www.example.com", 1);
    server.wait_for(ONE, 4.0);
    // The thread that reads the files counts a reload; it may do so after the new configuration serves.
    let samples = server.wait_for("geosteer_reloads_total{result=\"taken\"}", 1.0);
    assert!(samples[UDP_A] >= 4.0);

    std::fs::write(server.path().join("zone.toml"), "zone = 1").unwrap();
    server.signal("-HUP");
    let samples = server.wait_for("geosteer_reloads_total{result=\"refused\"}", 1.0);
    assert_eq!(samples["geosteer_reload_last_successful"], 0.0);

    server.verb(&["drain", "pool/one"]);
    server.verb(&["drain", "pool/three"]);
    let samples = server.scrape();
    assert_eq!((samples["geosteer_overrides"], samples.get(TWO)), (2.0, Some(&0.0)), "told before its first answer");
    assert!(samples.contains_key("geosteer_override_set_timestamp_seconds{target=\"pool/one\",kind=\"state\"}"));
    server.ask("www.example.com", 1);
    let samples = server.wait_for(TWO, 1.0);
    assert_eq!(samples[ONE], 4.0, "what was counted stays");
}

#[test]
fn a_file_for_the_textfile_collector_is_replaced_whole() {
    let server = Server::start("");
    let file = server.path().join("geosteer.prom");
    server.verb(&["metrics", "--output", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# HELP geosteer_build_info ") && text.ends_with('\n'));
    assert!(!server.path().join("geosteer.prom.tmp").exists());
}

const MONITORING: &str = include_str!("../docs/monitoring.md");

#[test]
fn the_reference_of_metrics_and_alerts_is_whole_and_invents_none() {
    let rows = |head: &str| {
        let table = MONITORING.split("\n\n").find(|part| part.starts_with(head)).unwrap();
        table.lines().skip(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let metrics = geosteer::metrics::METRICS.iter().map(|metric| {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |", metric.name, metric.kind, labels.join(", "), metric.help)
    });
    assert_eq!(rows("| metric |"), metrics.collect::<Vec<_>>());
    let rules = include_str!("../deploy/prometheus/alerts.yml");
    let word = |line: &str, key: &str| Some(line.split_once(key)?.1.split([' ', '}']).next()?.to_owned());
    let alerts = rules.lines().filter_map(|line| word(line, "- alert: "));
    let severities = rules.lines().filter_map(|line| word(line, "severity: ")).filter(|word| !word.contains('—'));
    let severities: Vec<_> = severities.filter(|word| word == "page" || word == "ticket").collect();
    let severities = &severities[severities.len() - alerts.clone().count()..];
    let begins: Vec<_> =
        alerts.zip(severities).map(|(alert, severity)| format!("| `{alert}` | {severity} | ")).collect();
    let found = rows("| alert |");
    assert_eq!(found.len(), begins.len());
    for (row, begin) in found.iter().zip(begins) {
        assert!(row.starts_with(&begin), "{row}: {begin}");
    }
}
