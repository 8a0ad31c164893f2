//! Keys whose files cannot be read, steps of a rollover that others have not followed, and the end of signing.

use super::{Asked, Reply, geosteer, make_keys, name, options, query, said, validates};
use geosteer::clock::unix_seconds;
use geosteer::daemon::Server;
use geosteer::dnssec::{Algorithm, Digest, Key, Phase, Role, Times};
use geosteer::store::{Updated, keys_folder, put_key, write_key, write_updates};
use geosteer::zone::Record;
use hickory_proto::rr::RData;
use std::path::Path;

fn key(role: Role) -> Key {
    Key::generate(Algorithm::Ed25519, role).unwrap()
}

/// The same key in a phase since long, or since some seconds.
fn since(key: &Key, phase: Phase, seconds: u64) -> Key {
    let same = Key::new(key.algorithm(), key.role(), &key.dnskey()[4..], key.secret()).unwrap();
    same.with_times(Times::default().become_now(phase, unix_seconds() - seconds))
}

fn ask(server: &Server, qname: &str, qtype: &str) -> Reply {
    let mut asked = Asked::new(geosteer::state::State::clone(&server.state()));
    asked.udp(&query(qname, qtype).dnssec_ok().build())
}

/// A server file in a folder, which is the state directory, too.
fn server_file(folder: &Path, port: u16) -> String {
    std::fs::create_dir_all(folder.join("zones")).unwrap();
    std::fs::write(folder.join("zones/example.com.toml"), super::ZONE).unwrap();
    let file = folder.join("geosteer.toml");
    let text =
        format!("zones = [\"zones\"]\nstate = \".\"\ndns.listen = [\"127.0.0.1:{port}\"]\nadmin.listen = \"off\"\n");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn a_key_file_that_cannot_be_read_does_not_take_the_zone_down() {
    let state = tempfile::tempdir().unwrap();
    make_keys(state.path(), Algorithm::Ed25519, &[Role::Entry]);
    let coming = since(&key(Role::Entry), Phase::Announced, 60);
    let stem = write_key(&keys_folder(state.path()), &name("example.com"), &coming).unwrap();
    let private = format!("{}.private", stem.display());
    let whole = std::fs::read(&private).unwrap();
    std::fs::write(&private, "").unwrap();
    let server = Server::start(options(state.path())).unwrap();
    let reply = ask(&server, "static.example.com", "A");
    assert_eq!((reply.rcode(), reply.answer().len()), (0, 3));
    let cds = |server: &Server| ask(server, "example.com", "TYPE59").answer().len();
    assert_eq!(cds(&server), 2, "of the other key, with its signature");
    let warnings = server.reload().unwrap().warnings;
    assert!(warnings.iter().any(|line| line.contains(&*stem.to_string_lossy())), "{warnings:?}");
    std::fs::write(&private, whole).unwrap();
    server.reload().unwrap();
    assert_eq!(cds(&server), 3);
}

#[test]
fn records_that_updates_have_added_count_in_how_long_a_zone_is_remembered() {
    let state = tempfile::tempdir().unwrap();
    for (phase, seconds) in [(Phase::Retired, 10), (Phase::Active, 10)] {
        let key = since(&key(Role::Entry), phase, seconds);
        write_key(&keys_folder(state.path()), &name("example.com"), &key).unwrap();
    }
    let (folder, file) = (state.path().display().to_string(), server_file(state.path(), 1));
    let status = || {
        ["--state", "--config"].map(|how| {
            let at = if how == "--state" { &folder } else { &file };
            said(&geosteer(&["dnssec", "rollover", "status", "example.com", how, at]))
        })
    };
    let [alone, with_file] = status();
    assert!(alone.contains("(in 24 h ") && with_file.contains("(in 1 h "), "{alone}{with_file}");
    let record = Record { owner: name("week.example.com"), rtype: 16, ttl: 604_800, rdata: b"\x01x".as_slice().into() };
    let updated = Updated::from([("example.com.".into(), vec![record]), ("example.net.".into(), Vec::new())]);
    write_updates(state.path(), &updated).unwrap();
    for text in status() {
        assert!(text.contains("(in 168 h "), "{text}");
    }
}

#[test]
fn a_step_that_the_running_server_has_not_followed_is_not_gone_on_from() {
    let [serving, files] = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let [folder, ours] = [keys_folder(serving.path()), keys_folder(files.path())];
    let zone = name("example.com");
    let (entry, old, new) = (key(Role::Entry), key(Role::Zone), key(Role::Zone));
    for key in [&entry, &old] {
        write_key(&folder, &zone, key).unwrap();
        write_key(&ours, &zone, key).unwrap();
    }
    let new = since(&new, Phase::Published, 1_000_000);
    write_key(&ours, &zone, &new).unwrap();
    let server = Server::start(options(serving.path())).unwrap();
    let file = server_file(files.path(), server.address().port());
    let rollover = |verb: &str| geosteer(&["dnssec", "rollover", verb, "example.com", "--config", &file]);
    let refused = rollover("next");
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(why.contains("does not publish what the keys say") && why.contains("--force"), "{why}");
    assert!(!said(&rollover("status")).contains("retired"));
    write_key(&folder, &zone, &new).unwrap();
    server.reload().unwrap();
    let taken = rollover("next");
    assert!(said(&taken).contains("  retired since ") && taken.stderr.is_empty(), "{taken:?}");
    // The same step where no server runs.
    put_key(&ours, &zone, &old).unwrap();
    put_key(&ours, &zone, &new).unwrap();
    server.stop();
    let taken = rollover("next");
    assert!(said(&taken).contains("  retired since "), "{taken:?}");
    assert!(String::from_utf8_lossy(&taken.stderr).contains("was not looked at"), "{taken:?}");
}

#[test]
fn a_zone_that_shall_be_signed_no_longer_tells_the_parent_and_stays_signed() {
    let state = tempfile::tempdir().unwrap();
    let key = make_keys(state.path(), Algorithm::Ed25519, &[Role::Entry]);
    let folder = state.path().display().to_string();
    let dnssec = |args: &[&str]| said(&geosteer(&[&["dnssec"], args, &["example.com", "--state", &folder]].concat()));
    let server = Server::start(options(state.path())).unwrap();
    let told = || {
        ["TYPE59", "TYPE60"].map(|rtype| {
            let reply = ask(&server, "example.com", rtype);
            assert_eq!(reply.answer().len(), 2, "one, and its signature");
            let data = reply.message.answers.iter().find_map(|one| match &one.data {
                RData::Unknown { code, rdata } if u16::from(*code) != 46 => Some(rdata.anything.clone()),
                _ => None,
            });
            data.unwrap()
        })
    };
    let keys = [key.ds(name("example.com").wire(), Digest::Sha256), key.dnskey()];
    assert_eq!(told(), keys);
    let ds = dnssec(&["ds"]);
    let said = dnssec(&["stop"]);
    assert!(said.contains("stays signed") && said.contains("`enabled = false`"), "{said}");
    server.reload().unwrap();
    // `CDS 0 0 0 00` and `CDNSKEY 0 3 0 AA==`.
    assert_eq!(told(), [vec![0; 5], vec![0, 0, 3, 0, 0]]);
    assert_eq!(ask(&server, "example.com", "TYPE48").answer().len(), 2);
    if super::has("delv") {
        let bad = validates(state.path(), server.address().port(), &ds);
        assert!(bad.is_empty(), "{}", bad.join("\n"));
    }
    assert!(dnssec(&["rollover", "status"]).contains("the parent is told to drop its DS records"));
    dnssec(&["stop", "--undo"]);
    server.reload().unwrap();
    assert_eq!(told(), keys);
    assert!(!dnssec(&["rollover", "status"]).contains("drop its DS records"));
}
