//! `resume` and `release` on a running server. Endpoints are up and down by files that the test writes.

use super::{Process, folder};
use std::io::Write;
use std::path::Path;

/// Pools a to e of one endpoint each, whose last octets count from 1, probed every second.
fn zone(rules: &str) -> String {
    zone_probed(rules, 1)
}

/// The same, probed every so many seconds.
fn zone_probed(rules: &str, interval: u8) -> String {
    let pool = |(index, name): (usize, char)| {
        format!(
            "{name} = {{ check = \"c\", endpoints = [{{ name = \"x\", address = \"192.0.2.{}\" }}], {rules} }}\n",
            index + 1
        )
    };
    let pools: String = ('a'..='e').enumerate().map(pool).collect();
    format!(
        "zone = \"example.com\"\nns = [\"ns.example.net\"]\n\
         [checks]\nc = {{ type = \"push\", file = \"{{address}}\", expires = \"1h\", interval = \"{interval}s\", fall = 2, rise = 1 }}\n\
         [pools]\n{pools}[names]\nwww = {{ policy = {{ default = [\"a\", \"b\", \"c\", \"d\", \"e\"] }}, ttl = 60 }}\n"
    )
}

fn push(folder: &Path, octets: std::ops::RangeInclusive<u8>, state: &str) {
    for octet in octets {
        let (file, new) = (folder.join(format!("192.0.2.{octet}")), folder.join("new"));
        std::fs::write(&new, state).unwrap();
        std::fs::rename(&new, &file).unwrap();
    }
}

#[test]
fn an_endpoint_that_waits_for_a_person_comes_back_when_it_is_resumed_and_not_by_a_restart() {
    let folder = folder(&zone("manual_resume = true"));
    push(folder.path(), 1..=5, "up");
    let mut server = Process::start(folder.path());
    assert_eq!(server.ask("www"), 1);
    assert_eq!(server.verb(&["resume", "endpoint/a/x"]).0, 1, "it does not wait");
    push(folder.path(), 1..=1, "down");
    server.line(&["health changed", "192.0.2.1", "to=\"down\""]);
    push(folder.path(), 1..=1, "up");
    server.line(&["health changed", "192.0.2.1", "to=\"up\""]);
    server.signal("-TERM");
    server.line(&["stopped"]);

    let mut server = Process::start(folder.path());
    assert_eq!(server.ask("www"), 2, "the restart let nobody in");
    assert_eq!(server.json(&["endpoints", "a"])["endpoints"][0]["health"], "waits");
    assert_eq!(server.verb(&["resume", "pool/nothing"]).0, 1);
    assert_eq!(server.verb(&["resume", "nonsense"]).0, 2);
    assert_eq!(server.verb(&["resume", "endpoint/a/x", "--reason", "two\nlines"]).0, 2);
    let done = server.json(&["resume", "pool/?", "--owner", "ann", "--reason", "looked at it"]);
    assert_eq!(
        done["endpoints"][0],
        serde_json::json!({
            "zone": "example.com.", "pool": "a", "endpoint": "x", "when": "now"
        })
    );
    assert_eq!((done["endpoints"].as_array().unwrap().len(), server.ask("www")), (1, 1));
    assert_eq!(server.verb(&["resume", "pool/?"]).0, 1, "nobody waits any more");
    let events = server.json(&["events"]);
    let event = events["events"].as_array().unwrap().iter().find(|event| event["kind"] == "resume").unwrap();
    assert_eq!((&event["subject"], &event["reason"]), (&"pool/?".into(), &"ann: looked at it".into()));
    // What was let back is so after kill -9.
    server.line(&["resumed"]);
    server.kill();
    assert_eq!(Process::start(folder.path()).ask("www"), 1);
}

#[test]
fn the_steps_of_the_way_back_are_events_and_lines_of_the_log() {
    let folder = folder(&zone("failback_delay = \"1s\", slow_start = \"1s\""));
    push(folder.path(), 1..=5, "up");
    let mut server = Process::start(folder.path());
    push(folder.path(), 1..=1, "down");
    server.line(&["health changed", "192.0.2.1", "to=\"down\""]);
    push(folder.path(), 1..=1, "up");
    server.line(&["on its way back", "endpoint/a/x", "to=\"waits\"", "failback_delay"]);
    server.line(&["on its way back", "endpoint/a/x", "to=\"slow start\"", "slow_start"]);
    server.line(&["on its way back", "endpoint/a/x", "to=\"in service\""]);
    let events = server.json(&["events"]);
    let steps = events["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "comeback");
    let steps: Vec<_> = steps.map(|event| [&event["subject"], &event["from"], &event["to"]]).collect();
    let step = |from: &str, to: &str| ["endpoint/a/x", from, to].map(serde_json::Value::from);
    let wanted = [step("down", "waits"), step("waits", "slow start"), step("slow start", "in service")];
    assert_eq!(steps, wanted.each_ref().map(<[_; 3]>::each_ref));
}

#[test]
fn what_the_guard_holds_is_shown_and_released() {
    let folder = folder(&zone("tags = [\"all\"]"));
    push(folder.path(), 1..=5, "up");
    let mut server = Process::start(folder.path());
    assert_eq!(server.ask("www"), 1);
    assert_eq!(server.verb(&["release"]).0, 1, "it holds nothing");
    assert!(server.verb(&["status"]).1.contains("guard          quiet\n"));
    push(folder.path(), 1..=4, "down");
    server.line(&["most sites fail at once"]);
    assert_eq!(server.ask("www"), 1);
    let status = server.json(&["status"]);
    assert_eq!((&status["guard"]["state"], &status["guard"]["sites"][0]), (&"up".into(), &5.into()), "{status}");
    let words = ["explain", "www.example.com", "--client", "20.0.0.0/24"];
    let why = (0..1_000).map(|_| server.json(&words)).find(|why| !why["trail"][0]["endpoints"][0]["held"].is_null());
    let why = why.expect("it fails often enough to be held");
    let held = &why["trail"][0]["endpoints"][0]["held"];
    assert_eq!((&held["by"], held["since"].is_u64()), (&"guard".into(), true), "{why}");
    assert!(why["trail"][4]["endpoints"][0]["held"].is_null(), "the fifth is well: {why}");
    assert!(why["notes"].to_string().contains("the blast guard holds failures for"), "{why}");
    let port = server.address.port();
    assert!(why["dig"].as_str().unwrap().starts_with(&format!("dig @127.0.0.1 -p {port} ")), "it can be typed: {why}");
    let said = server.verb(&words).1;
    assert!(said.contains(", held up since ") && said.contains(" by the blast guard"), "{said}");
    let (code, out, errors) = server.verb(&["release", "--owner", "ann", "--reason", "the sites are on fire"]);
    assert_eq!(code, 0, "{errors}");
    assert!(out.starts_with("released: the failures of "), "{out}");
    // Those that had failed once only go down by themselves.
    (0..4).for_each(|_| drop(server.line(&["health changed", "to=\"down\""])));
    assert_eq!(server.ask("www"), 5);
    let events = server.json(&["events"]);
    let released = events["events"].as_array().unwrap().iter().find(|event| event["to"] == "released").unwrap();
    assert_eq!(released["reason"], "ann: the sites are on fire");
    let none = std::process::Command::new(super::BINARY).args(["release", "--socket", "/nowhere/s"]).output().unwrap();
    assert_eq!(none.status.code(), Some(3));
}

#[test]
fn a_cut_that_the_canaries_see_too_has_no_end_survives_a_restart_and_is_over_when_they_answer() {
    // Saved health is fresh for three intervals: a busy machine must have started again by then.
    let folder = folder(&zone_probed("tags = [\"all\"]", 4));
    push(folder.path(), 1..=5, "up");
    // Bound and let go: nobody listens there for now, and nobody else is given the port soon.
    let canary = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // After a restart a busy machine may hear of the canary long after the sites: `hold` must not end before.
    let server = format!("zones = [\"zone.toml\"]\n[guard]\nhold = \"5m\"\ncanaries = [\"tcp://{canary}\"]\n");
    std::fs::write(folder.path().join("geosteer.toml"), server).unwrap();
    let mut server = Process::start(folder.path());
    assert_eq!(server.ask("www"), 1);
    // The log may say so before it says that it listens: the state is looked at.
    let refused = |status: serde_json::Value| {
        status["guard"]["canaries"][0]["note"].as_str().is_some_and(|says| says.contains("connection refused"))
    };
    (0..10_000).find(|_| refused(server.json(&["status"]))).expect("nobody listens there");
    push(folder.path(), 1..=5, "down");
    server.line(&["most sites fail, and the canaries too"]);
    let status = server.json(&["status"]);
    assert_eq!(
        (&status["guard"]["until"], &status["guard"]["canaries"][0]["answers"]),
        (&serde_json::Value::Null, &false.into())
    );
    assert!(server.verb(&["status"]).1.contains("FAILS: connection refused"));
    // All five are held in the end.
    let held = |server: &Process, count| (0..10_000).find(|_| server.json(&["status"])["guard"]["held"] == count);
    held(&server, 5).unwrap();
    assert_eq!(server.json(&["endpoints", "a"])["endpoints"][0]["health"], "held");
    let why = server.json(&["explain", "www.example.com", "--client", "20.0.0.0/24"]);
    assert_eq!(why["trail"][0]["endpoints"][0]["held"]["by"], "canaries");
    assert!(why["notes"].to_string().contains("holds failures until the canaries answer"), "{why}");
    let stopped = geosteer::clock::instant();
    server.signal("-TERM");
    server.line(&["stopped"]);

    let mut server = Process::start(folder.path());
    if stopped.elapsed().as_secs() > 8 {
        // With the last probe's age that may be too old to be believed: of the restart nothing can be said.
        writeln!(std::io::stderr(), "the machine stood still: the restart is NOT TRIED").unwrap();
        return;
    }
    assert_eq!(server.ask("www"), 1, "what was held is up after a restart");
    held(&server, 5).unwrap();
    assert_eq!(server.ask("www"), 1);
    // Seen up before the canary answers, or most sites would still fail then, and be believed.
    push(folder.path(), 1..=4, "up");
    held(&server, 1).unwrap();
    let _answers = std::net::TcpListener::bind(canary).unwrap();
    server.line(&["health changed", "192.0.2.5", "to=\"down\""]);
    assert_eq!(server.ask("www"), 1);
    let quiet = |events: &serde_json::Value| {
        let events = events["events"].as_array().unwrap();
        events.iter().any(|event| event["kind"] == "guard" && event["to"] == "quiet")
    };
    (0..10_000).find(|_| quiet(&server.json(&["events"]))).expect("the guard is at rest again");
}
