//! RFC 2136: dynamic updates, in-process by section, and as nsupdate makes them over UDP and TCP.

use crate::answers::query;
use crate::common::{ZONE, key, snapshot};
use crate::others::has;
use crate::secure::{self, plain};
use crate::served::{SECRET, Served, serve, serve_from, wait_until};
use geosteer::control::Takeover;
use geosteer::id::ZoneId;
use geosteer::update::{Changed, Message, Refusal, View, change};
use geosteer::wire::Name;
use geosteer::zone::Record;
use hickory_proto::op::Message as Decoded;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The zone with what may be updated.
fn zone() -> String {
    let update = "update = [{ keys = [\"ns2\"], names = [\"_acme-challenge.*\", \"*.k8s\", \"alias\", \"mail\", \"www\", \"new.sub\"], types = [\"TXT\", \"A\", \"CNAME\", \"AAAA\"] }]";
    let transfer = "transfer = { from = [\"127.0.0.0/8\"] }";
    let steered =
        "[pools]\nfra = { check = \"none\", endpoints = [\"192.0.2.10\"] }\n[names]\nwww.policy.default = [\"fra\"]\n";
    format!("{}{steered}", ZONE.replace("transfer = { from = [\"192.0.2.0/24\"] }", &format!("{transfer}\n{update}")))
}

/// A record of an update: name, type, class, TTL, data.
type One<'r> = (&'r str, u16, u16, u32, &'r [u8]);

const IN: u16 = 1;
const NONE: u16 = 254;
const ANY: u16 = 255;

fn name(text: &str) -> Name {
    let text = if text == "@" { "example.com".to_owned() } else { format!("{text}.example.com") };
    Name::parse(&text).unwrap()
}

fn message(prerequisites: &[One<'_>], updates: &[One<'_>]) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 0x28, 0, 0, 1, 0, prerequisites.len() as u8, 0, updates.len() as u8, 0, 0];
    out.extend(b"\x07example\x03com\x00\x00\x06\x00\x01");
    for (owner, rtype, class, ttl, rdata) in prerequisites.iter().chain(updates) {
        let owner = if owner.ends_with('.') { Name::parse(owner).unwrap() } else { name(owner) };
        out.extend([owner.wire(), &rtype.to_be_bytes(), &class.to_be_bytes(), &ttl.to_be_bytes()].concat());
        out.extend([&(rdata.len() as u16).to_be_bytes()[..], rdata].concat());
    }
    out
}

/// What an update comes to beside these.
fn try_on(added: &[Record], prerequisites: &[One<'_>], updates: &[One<'_>]) -> Result<Changed, Refusal> {
    let snapshot = snapshot(&zone());
    let message = Message::read(&message(prerequisites, updates)).expect("well-formed");
    let view = View { snapshot: &snapshot, zone: ZoneId::new(0), served: &[], added };
    let key = key();
    let grants = snapshot.settings[0].update.of("192.0.2.7".parse().unwrap(), &key);
    change(&view, &message.zone, &message, grants)
}

fn rcode(prerequisites: &[One<'_>], updates: &[One<'_>]) -> u16 {
    try_on(&[], prerequisites, updates).map_or_else(|refusal| refusal.rcode, |_| 0)
}

const TOKEN: &[u8] = b"\x05token";
const ADD: One<'static> = ("_acme-challenge.www", 16, IN, 60, TOKEN);

#[test]
fn section_2_4_prerequisites_say_what_must_be_so() {
    let mx = b"\x00\x0a\x04mail\x07example\x03com\x00";
    for (one, wanted) in [
        (("mail", 255, ANY, 0, &[][..]), 0),
        (("none", 255, ANY, 0, &[]), 3),
        (("www", 255, ANY, 0, &[]), 0),
        (("www", 1, ANY, 0, &[]), 0),
        (("www", 28, ANY, 0, &[]), 8),
        (("mail", 28, ANY, 0, &[]), 0),
        (("mail", 1, ANY, 0, &[]), 8),
        (("mail", 255, NONE, 0, &[]), 6),
        (("none", 255, NONE, 0, &[]), 0),
        (("mail", 28, NONE, 0, &[]), 7),
        (("mail", 1, NONE, 0, &[]), 0),
        (("@", 15, IN, 0, mx), 0),
        (("@", 15, IN, 0, b"\x00\x0b\x04mail\x07example\x03com\x00"), 8),
        (("ns1", 1, IN, 0, &[192, 0, 2, 53]), 0),
        (("mail", 28, ANY, 1, &[]), 1),
        (("mail", 28, 3, 0, &[]), 1),
        (("mail.example.org.", 28, ANY, 0, &[]), 10),
    ] {
        assert_eq!(rcode(&[one], &[ADD]), wanted, "{one:?}");
    }
}

#[test]
fn section_3_4_1_what_is_malformed_outside_or_not_allowed_is_refused_whole() {
    for (one, wanted) in [
        (("_acme-challenge", 16, IN, 60, TOKEN), 0),
        (("_acme-challenge.www.example.org.", 16, IN, 60, TOKEN), 10),
        (("_acme-challenge", 255, IN, 60, TOKEN), 1),
        (("_acme-challenge", 16, NONE, 60, TOKEN), 1),
        (("_acme-challenge", 16, 3, 60, TOKEN), 1),
        (("other", 16, IN, 60, TOKEN), 5),
        (("_acme-challenge", 15, IN, 60, b"\x00\x0a\x01a\x00"), 5),
        (("www", 16, IN, 60, TOKEN), 5),
        (("new.sub", 16, IN, 60, TOKEN), 5),
        (("@", 6, IN, 60, &[0; 22]), 5),
    ] {
        assert_eq!(rcode(&[], &[ADD, one]), wanted, "{one:?}");
    }
    assert!(Message::read(&message(&[], &[("mail", 1, IN, 60, &[1, 2, 3])])).is_none(), "three octets are no address");
    let mut cut = message(&[], &[ADD]);
    cut.pop();
    assert!(Message::read(&cut).is_none());
}

#[test]
fn section_3_4_2_records_come_and_go_and_those_of_the_file_stay() {
    let first = try_on(&[], &[], &[ADD, ADD, ("a.k8s", 1, IN, 5, &[192, 0, 2, 1])]).unwrap();
    assert_eq!((first.records.len(), first.added, first.taken), (2, 2, 0));
    let second = try_on(&first.records, &[], &[("_acme-challenge.www", 16, IN, 30, b"\x05other")]).unwrap();
    assert_eq!(second.records.iter().filter(|one| one.ttl == 30).count(), 2, "one TTL for the set");
    for (one, left) in [
        (("_acme-challenge.www", 16, NONE, 0, TOKEN), 2),
        (("_acme-challenge.www", 16, NONE, 0, &b"\x04none"[..]), 3),
        (("_acme-challenge.www", 16, ANY, 0, &[]), 1),
        (("_acme-challenge.www", 255, ANY, 0, &[]), 1),
        (("a.k8s", 255, ANY, 0, &[]), 2),
    ] {
        let after = try_on(&second.records, &[], &[one]).unwrap();
        assert_eq!((after.records.len(), after.taken), (left, 3 - left), "{one:?}");
    }
    let of_file: &[u8] = &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x25];
    for one in [("mail", 28, NONE, 0, of_file), ("mail", 28, ANY, 0, &[]), ("mail", 255, ANY, 0, &[])] {
        assert_eq!(rcode(&[], &[one]), 5, "{one:?}: a record of the file");
    }
    assert_eq!(try_on(&[], &[], &[("mail", 28, IN, 60, of_file)]).unwrap().records, [], "it is there already");
    // What cannot stand beside a CNAME, or the other way round, is passed over.
    assert_eq!(try_on(&[], &[], &[("alias", 16, IN, 60, TOKEN)]).unwrap().records, []);
    assert_eq!(try_on(&[], &[], &[("mail", 5, IN, 60, b"\x01a\x00")]).unwrap().records, []);
    let cname = try_on(&[], &[], &[("c.k8s", 5, IN, 60, b"\x01a\x00"), ("c.k8s", 5, IN, 60, b"\x01b\x00")]).unwrap();
    assert_eq!((cname.records.len(), &*cname.records[0].rdata), (1, &b"\x01b\x00"[..]), "there is one CNAME");
}

/// Runs nsupdate with some lines; gives whether it was content, and what it said.
fn nsupdate(served: &Served, secret: Option<&str>, tcp: bool, lines: &str) -> (bool, String) {
    let mut command = Command::new("nsupdate");
    // A busy machine is no fault.
    command
        .args(tcp.then_some("-v"))
        .args(["-t", "100", "-u", "50"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let key = secret.map_or(String::new(), |secret| format!("key hmac-sha256:ns2 {secret}\n"));
    let port = served.server.address().port();
    let text = format!("server 127.0.0.1 {port}\nzone example.com\n{key}{lines}\nsend\n");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn answers(served: &Served, qname: &str, qtype: &str) -> Vec<String> {
    let reply = secure::ask(&mut plain(served.server.address()), &query(qname, qtype).build());
    Decoded::from_vec(&reply).unwrap().answers.iter().map(ToString::to_string).collect()
}

fn serial(served: &Served) -> u32 {
    served.server.state().identity.transfers.offers[0].as_ref().unwrap().edition.serial
}

#[test]
fn nsupdate_changes_what_it_may_over_udp_and_tcp_and_it_outlives_a_restart() {
    if !has("nsupdate") {
        return;
    }
    let served = serve(&zone());
    let challenge = "_acme-challenge.www.example.com";
    for (tcp, token, serial_then) in [(false, "one", 8), (true, "two", 9)] {
        let done = nsupdate(&served, Some(SECRET), tcp, &format!("update add {challenge} 60 TXT \"{token}\""));
        assert_eq!(done, (true, String::new()), "tcp {tcp}");
        assert_eq!(serial(&served), serial_then);
    }
    let both = |served: &Served| {
        let mut all = answers(served, challenge, "TXT");
        all.sort();
        all
    };
    let wanted = ["one", "two"].map(|token| format!("{challenge}. 60 IN TXT {token}"));
    assert_eq!(both(&served), wanted);
    for (secret, lines, why) in [
        (None, format!("update add {challenge} 60 TXT \"x\""), "REFUSED"),
        (
            Some("YW5vdGhlciBzZWNyZXQsIGFzIGxvbmcgYXMgb3Vycw=="),
            format!("update add {challenge} 60 TXT \"x\""),
            "BADSIG",
        ),
        (Some(SECRET), "update add other.example.com 60 TXT \"x\"".to_owned(), "REFUSED"),
        (Some(SECRET), format!("prereq nxrrset {challenge} TXT\nupdate add {challenge} 60 TXT \"x\""), "YXRRSET"),
    ] {
        let (done, said) = nsupdate(&served, secret, false, &lines);
        assert!(!done && said.contains(why), "{lines}: {said}");
    }
    // A reload keeps them, and so does a restart.
    served.change("192.0.2.53", "192.0.2.55");
    assert_eq!((both(&served), serial(&served)), (wanted.to_vec(), 10));
    let Served { folder, server, .. } = served;
    server.stop();
    let served = serve_from(folder);
    assert_eq!((both(&served), serial(&served)), (wanted.to_vec(), 10));
    // The file wins: what it has no room for is not served, and is served again when it has.
    served.change("alias  CNAME mail", "alias  CNAME mail\n_acme-challenge.www CNAME mail");
    assert_eq!(both(&served).len(), 1);
    served.change("\n_acme-challenge.www CNAME mail", "");
    assert_eq!(both(&served), wanted);
    let done = nsupdate(&served, Some(SECRET), false, &format!("update delete {challenge} TXT"));
    assert_eq!((done.0, both(&served)), (true, Vec::new()));
}

#[test]
fn an_update_while_the_files_are_broken_changes_nothing() {
    if !has("nsupdate") {
        return;
    }
    let served = serve(&zone());
    let file = served.folder.path().join("example.com.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "zone = ").unwrap();
    let lines = "update add _acme-challenge.example.com 60 TXT \"x\"";
    let (done, said) = nsupdate(&served, Some(SECRET), true, lines);
    assert!(!done && said.contains("SERVFAIL"), "{said}");
    std::fs::write(&file, text).unwrap();
    served.server.reload().unwrap();
    assert_eq!(answers(&served, "_acme-challenge.example.com", "TXT"), [""; 0], "nothing is left of it");
    assert!(nsupdate(&served, Some(SECRET), true, lines).0);
    assert_eq!(answers(&served, "_acme-challenge.example.com", "TXT").len(), 1);
}

#[test]
fn an_update_while_another_server_takes_over_is_not_acknowledged_and_changes_nothing() {
    if !has("nsupdate") {
        return;
    }
    let served = serve(&zone());
    let owner = "_acme-challenge.example.com";
    let add = |token: &str| nsupdate(&served, Some(SECRET), true, &format!("update add {owner} 60 TXT \"{token}\""));
    assert!(add("before").0);
    let state = served.folder.path().join("state");
    let kept = || ["updates.json", "serials.json"].map(|name| std::fs::read_to_string(state.join(name)).unwrap());
    let before = kept();
    let takeover = Takeover::ask(&state.join("admin.sock")).unwrap().expect("a server");
    let (done, said) = add("lost");
    assert!(!done && said.contains("SERVFAIL"), "{said}");
    let refused = served.server.reload().unwrap_err();
    assert!(refused.text.contains("another server takes over"), "{refused}");
    assert_eq!(kept(), before);
    // The other one does not come that far.
    drop(takeover);
    wait_until("it goes on", || served.server.reload().is_ok());
    assert!(add("after").0);
    let mut all = answers(&served, owner, "TXT");
    all.sort();
    assert_eq!(all, ["after", "before"].map(|token| format!("{owner}. 60 IN TXT {token}")));
}
