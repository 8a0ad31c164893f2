//! The query log of a real server: what lines say, which are written, and that `simulate` reads them.

mod metered;
mod process;

use metered::{PATIENCE, Server};
use process::query;
use serde_json::Value;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Reads the file until it has so many lines.
fn lines(file: &Path, count: usize) -> Vec<String> {
    let until = geosteer::clock::instant() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        // A line that is being written has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(geosteer::clock::instant() < until, "{} of {count} lines:\n{text}", lines.len());
        std::thread::yield_now();
    }
}

fn ask_for(server: &Server, message: &[u8]) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(message, server.address).unwrap();
    socket.recv(&mut [0; 1_500]).unwrap();
}

/// A query for an address with the client subnet 193.0.6.0/24.
fn with_subnet(name: &str) -> Vec<u8> {
    let mut message = query(name, 1);
    message[11] = 1;
    message.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\0\xc1\0\x06");
    message
}

#[test]
fn each_reply_is_a_line_that_simulate_reads() {
    let server = Server::start("[query_log]\npath = \"queries.log\"\nformat = \"json\"\n");
    server.ask("wWw.example.com", 1);
    server.ask("no\"\n.example.com", 28);
    server.ask_tcp("www.example.org", 65);
    ask_for(&server, &with_subnet("www.example.com"));
    let file = server.path().join("queries.log");
    let lines = lines(&file, 4);
    let found = |text: &str| {
        let line = lines.iter().find(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text} in {lines:?}"));
        serde_json::from_str::<Value>(line).unwrap()
    };
    let www = found("wWw.example.com.");
    for (key, value) in [
        ("client", "127.0.0.1"),
        ("transport", "udp"),
        ("type", "A"),
        ("rcode", "NOERROR"),
        ("zone", "example.com."),
        ("policy", "near"),
        ("region", "home"),
        ("pool", "one"),
        ("reason", "chosen"),
        ("answer", "192.0.2.1"),
    ] {
        assert_eq!(www[key], value, "{www}");
    }
    assert!(www.get("subnet").is_none() && www["time"].as_str().unwrap().ends_with('Z'), "{www}");
    let none = found("NXDOMAIN");
    assert_eq!((&none["name"], &none["type"]), (&"no\\\"\\010.example.com.".into(), &"AAAA".into()));
    assert!(none.get("pool").is_none(), "{none}");
    let other = found("REFUSED");
    assert_eq!((&other["transport"], &other["type"]), (&"tcp".into(), &"HTTPS".into()));
    assert!(other.get("zone").is_none(), "{other}");
    let subnet = found("193.0.6.0/24");
    assert_eq!((&subnet["subnet"], &subnet["pool"]), (&"193.0.6.0/24".into(), &"two".into()), "{subnet}");
    assert!(subnet["scope"].is_u64(), "{subnet}");

    let mut command = Command::new(env!("CARGO_BIN_EXE_geosteer"));
    let zone = server.path().join("zone.toml");
    let output =
        command.args(["simulate", "--json", "--zones"]).arg(zone).arg("--query-log").arg(&file).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    // Three clients of home, and one block of elsewhere.
    let www = &told["names"]["www.example.com"]["before"];
    assert_eq!((&www["one"], &www["two"]), (&0.75.into(), &0.25.into()), "{told}");
}

#[test]
fn what_the_filter_does_not_want_is_not_written() {
    let server = Server::start(
        "[query_log]\npath = \"queries.log\"\nfilter = { zone = \"example.com\", name = \"www.example.com\", \
         client = [\"192.0.2.0/24\", \"127.0.0.0/8\"], rcode = \"NOERROR\", type = [\"A\", \"MX\"] }\n",
    );
    for (name, qtype) in [
        ("www.example.org", 1),
        ("static.example.com", 1),
        ("www.example.com", 28),
        ("none.www.example.com", 1),
        ("www.example.com", 1),
        ("WWW.example.com", 15),
    ] {
        server.ask(name, qtype);
    }
    let mut lines = lines(&server.path().join("queries.log"), 2);
    // Each thread has its own turn.
    lines.sort_unstable_by_key(|line| line.contains(" MX "));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains(" www.example.com. A NOERROR zone=example.com. policy=near"), "{lines:?}");
    assert!(lines[1].contains(" WWW.example.com. MX NOERROR"), "{lines:?}");
    let samples = server.wait_for("geosteer_query_log_written_total", 2.0);
    assert_eq!(samples["geosteer_query_log_dropped_total"], 0.0);
}

#[test]
fn a_sample_is_a_part_and_what_finds_no_room_is_counted() {
    let server = Server::start("[query_log]\npath = \"queries.log\"\nsample = 0.25\n");
    (0..2_000).for_each(|_| drop(server.ask("www.example.com", 1)));
    drop(server.ask("www.example.org", 1));
    let samples = server.scrape();
    let seen = |samples: &std::collections::BTreeMap<String, f64>| {
        samples["geosteer_query_log_written_total"] + samples["geosteer_query_log_dropped_total"]
    };
    // 2,001 coins that fall so with 1 in 4: 500 ± 19; eight of those widths.
    let until = geosteer::clock::instant() + PATIENCE;
    let mut last = seen(&samples);
    while !(345.0..655.0).contains(&last) {
        assert!(geosteer::clock::instant() < until, "{last} of 2,001 at 0.25");
        last = seen(&server.scrape());
    }
}

#[test]
fn the_file_is_opened_anew_at_a_reload_and_what_cannot_be_written_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("queries.log");
    let server = Server::start(&format!("[query_log]\npath = \"{}\"\n", at.display()));
    server.ask("www.example.com", 1);
    lines(&at, 1);
    let moved = folder.path().join("queries.log.1");
    std::fs::rename(&at, &moved).unwrap();
    server.signal("-HUP");
    server.line(&["the new configuration serves"]);
    server.ask("www.example.com", 28);
    assert!(lines(&at, 1)[0].contains(" AAAA "));
    assert_eq!(lines(&moved, 1).len(), 1);
    for file in [&at, &moved] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}: who asks for what is not for everybody");
    }

    std::fs::remove_file(&at).unwrap();
    std::fs::create_dir(&at).unwrap();
    server.signal("-HUP");
    server.line(&["the new configuration serves"]);
    server.ask("www.example.com", 1);
    server.line(&["the query log cannot be written"]);
    let samples = server.wait_for("geosteer_query_log_failed_total", 1.0);
    assert_eq!(samples["geosteer_query_log_written_total"], 2.0);
    std::fs::remove_dir(&at).unwrap();
    server.ask("www.example.com", 1);
    server.line(&["the query log is written again"]);
    lines(&at, 1);
}
