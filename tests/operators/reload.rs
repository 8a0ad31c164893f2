//! `reload` on a running server: it waits, its exit code is the truth, and it says what changed.

use super::{BINARY, Process, ZONE, folder};
use std::process::Command;

#[test]
fn a_reload_waits_and_says_what_changed_or_that_nothing_did() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    let (code, out, _) = server.verb(&["reload"]);
    assert_eq!((code, out.as_str()), (0, "configuration 2 serves: nothing changed\n"));
    std::fs::write(folder.path().join("zone.toml"), ZONE.replace("192.0.2.1\"", "192.0.2.9\"")).unwrap();
    let (code, out, _) = server.verb(&["reload", "--owner", "ann", "--reason", "new server"]);
    let table = "CHANGE   WHAT      NAME\nchanged  endpoint  example.com./one/a\n";
    assert_eq!((code, out), (0, format!("configuration 3 serves: 1 endpoint changed\n{table}")));
    assert_eq!(server.ask("www"), 9, "it serves when the verb ends");
    let json = server.json(&["reload"]);
    assert_eq!((&json["answer"], &json["generation"], &json["serves"]), (&"reloaded".into(), &4.into(), &true.into()));
    let events = server.json(&["events"]);
    let events = events["events"].as_array().unwrap();
    let event = events.iter().find(|event| event["to"] == "3 serves").expect("an event");
    assert_eq!((&event["kind"], &event["reason"]), (&"reload".into(), &"ann: new server: 1 endpoint changed".into()));
}

#[test]
fn a_refused_reload_prints_the_very_diagnostics_and_changes_nothing() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    std::fs::write(folder.path().join("zone.toml"), ZONE.replace("[pools]", "[pools]\nx = { endponts = [] }")).unwrap();
    let (code, out, errors) = server.verb(&["reload"]);
    assert_eq!((code, out.as_str()), (4, ""), "{errors}");
    for part in ["error[E003]", "zone.toml:9:7", "x = { endponts = [] }", "^^^^^^^^", "help: did you mean `endpoints`?"]
    {
        assert!(errors.contains(part), "{part} is not in\n{errors}");
    }
    assert!(errors.contains("nothing was reloaded"));
    assert_eq!((server.json(&["status"])["generation"].clone(), server.ask("www")), (1.into(), 1));
    let output = server.run(&["reload", "--json", "--owner", "bob"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["answer"]), (Some(4), &"not-reloaded".into()));
    let found = json["diagnostics"].as_array().unwrap().iter().find(|one| one["code"] == "E003").expect("the error");
    assert_eq!((&found["line"], &found["column"]), (&9.into(), &7.into()));
    let events = server.json(&["events"]);
    let refused = events["events"].as_array().unwrap().iter().rfind(|event| event["to"] == "refused").unwrap().clone();
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.starts_with("bob: ") && reason.contains("zone.toml:9:7: error[E003]"), "{reason}");
}

#[test]
fn a_zone_file_that_is_suddenly_gone_is_no_empty_server() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    std::fs::rename(folder.path().join("zone.toml"), folder.path().join("zone.away")).unwrap();
    let (code, _, errors) = server.verb(&["reload"]);
    assert!(code == 4 && errors.contains("cannot read"), "{errors}");
    assert_eq!(server.ask("www"), 1);
}

#[test]
fn of_two_zone_directories_neither_may_become_empty_and_a_zone_goes_if_others_stay() {
    let folder = folder("");
    let in_folder = |name: &str| folder.path().join(name);
    std::fs::write(in_folder("geosteer.toml"), "zones = [\"a\", \"b\"]").unwrap();
    for (file, top) in [("a/com.toml", "com"), ("b/info.toml", "info"), ("b/org.toml", "org")] {
        std::fs::create_dir_all(in_folder(file).parent().unwrap()).unwrap();
        std::fs::write(in_folder(file), ZONE.replace("\"example.com\"", &format!("\"example.{top}\""))).unwrap();
    }
    let server = Process::start_by_file(folder.path());
    std::fs::rename(in_folder("a/com.toml"), in_folder("com.toml")).unwrap();
    let (code, _, errors) = server.verb(&["reload"]);
    assert!(code == 4 && errors.contains("no zone file is left in this directory"), "{errors}");
    assert_eq!(server.ask("www"), 1);
    std::fs::rename(in_folder("com.toml"), in_folder("a/com.toml")).unwrap();
    std::fs::remove_file(in_folder("b/org.toml")).unwrap();
    let (code, out, _) = server.verb(&["reload"]);
    assert!(code == 0 && out.contains("removed  zone      example.org.\n"), "{out}");
}

#[test]
fn reloads_ordered_at_once_all_end_and_drains_find_a_place_beside_them() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    let start = || Command::new(BINARY).arg("reload").env("GEOSTEER_SOCKET", &server.socket).output();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..12).map(|_| scope.spawn(start)).collect();
        assert_eq!(server.verb(&["drain", "pool/two"]).0, 0);
        for one in all {
            let output = one.join().unwrap().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        }
    });
    assert_eq!(server.verb(&["status"]).0, 0);
}

#[test]
fn without_a_server_the_exit_code_is_3_and_words_of_two_lines_make_no_sense() {
    let none = Command::new(BINARY).args(["reload", "--socket", "/nowhere/s"]).output().unwrap();
    assert_eq!(none.status.code(), Some(3));
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    assert_eq!(server.verb(&["reload", "--reason", "two\nlines"]).0, 2);
}
