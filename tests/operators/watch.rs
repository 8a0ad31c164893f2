//! `[watch]`: files that change are read again by themselves.

use super::{Process, ZONE, folder};
use std::path::Path;

fn start(folder: &Path) -> Process {
    std::fs::write(folder.join("geosteer.toml"), "zones = [\"zones\"]\n[watch]\ndebounce = \"100ms\"\n").unwrap();
    std::fs::create_dir(folder.join("zones")).unwrap();
    std::fs::write(folder.join("zones/one.toml"), ZONE).unwrap();
    Process::start_by_file(folder)
}

#[test]
fn a_changed_zone_serves_by_itself_and_a_broken_or_vanished_one_changes_nothing() {
    let folder = folder("");
    let mut server = start(folder.path());
    let file = folder.path().join("zones/one.toml");
    let with = |last: u8| ZONE.replace("192.0.2.1\"", &format!("192.0.2.{last}\""));

    std::fs::write(&file, with(9)).unwrap();
    server.line(&["the new configuration serves", "watched files: 1 endpoint changed"]);
    assert_eq!(server.ask("www"), 9);

    let (first, rest) = ZONE.split_at(ZONE.len() / 2);
    std::fs::write(&file, first).unwrap();
    server.line(&["nothing was reloaded"]);
    assert_eq!(server.ask("www"), 9);
    std::fs::write(&file, [first, rest].concat()).unwrap();
    server.line(&["the new configuration serves", "1 endpoint changed"]);
    assert_eq!(server.ask("www"), 1);

    let other = folder.path().join("zones/two.toml");
    std::fs::write(&other, ZONE.replace("\"example.com\"", "\"example.org\"")).unwrap();
    server.line(&["the new configuration serves", "1 zone added"]);
    std::fs::remove_file(&other).unwrap();
    server.line(&["two.toml: the zone file is gone"]);
    assert_eq!(server.json(&["status"])["zones"], 2);
    let (code, out, _) = server.verb(&["reload"]);
    assert!(code == 0 && out.contains("1 zone removed"), "{out}");
    assert_eq!(server.json(&["status"])["zones"], 1);
    let refused = server.json(&["events"]);
    let refused = refused["events"].as_array().unwrap().iter().filter(|event| event["to"] == "refused").count();
    assert_eq!(refused, 2, "each mistake is told once");
}

#[test]
fn the_server_file_is_watched_and_turns_the_watch_off() {
    let folder = folder("");
    let mut server = start(folder.path());
    std::fs::write(folder.path().join("geosteer.toml"), "zones = [\"zones\"]\n[dns]\nnsid = \"x\"\n").unwrap();
    server.line(&["the new configuration serves", "1 setting changed"]);
    std::fs::write(folder.path().join("zones/one.toml"), ZONE.replace("192.0.2.1\"", "192.0.2.9\"")).unwrap();
    // Were it still watched, this reload would find nothing new.
    let (code, out, _) = server.verb(&["reload"]);
    assert!(code == 0 && out.contains("1 endpoint changed"), "{out}");
}
