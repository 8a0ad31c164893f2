//! Signed zones (RFC 4033 to 4035, RFC 6840): what validators that others wrote say of every shape of answer, and what
//! holds of all answers at once.

use geosteer::daemon::{Options, Server};
use geosteer::dnssec::{Algorithm, Digest, Key, Role, Signer, types_of};
use geosteer::respond::Transport;
use geosteer::snapshot::Signing;
use geosteer::store::{keys_folder, write_key};
use geosteer::wire::Name;
use hickory_proto::rr::{Name as HickoryName, RData, Record};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

mod answers;
#[path = "dnssec/kept.rs"]
mod kept;
#[path = "dnssec/kinds.rs"]
mod kinds;
#[path = "dnssec/rolled.rs"]
mod rolled;
#[path = "dnssec/truth.rs"]
mod truth;

use answers::{Reply, Server as Asked, query, zone};

const ZONE: &str = include_str!("dnssec/example.com.toml");

/// Every shape of answer.
const QUESTIONS: &str = include_str!("dnssec/questions");

/// Addresses to ask from, one of each region.
const SOURCES: [&str; 3] = ["127.0.0.1", "127.1.0.1", "127.2.0.1"];

const NOW: u64 = 1_800_000_000;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// Makes the zone's keys in a state directory; gives those that a parent vouches for.
fn make_keys(state: &Path, algorithm: Algorithm, roles: &[Role]) -> Key {
    let mut entry = None;
    for &role in roles {
        let key = Key::generate(algorithm, role).unwrap();
        write_key(&keys_folder(state), &name("example.com"), &key).unwrap();
        entry = if role == Role::Entry { Some(key) } else { entry };
    }
    entry.unwrap()
}

fn options(state: &Path) -> Options {
    Options { state: Some(state.to_owned()), ..Options::for_text("example.com", ZONE) }
}

fn has(program: &str) -> bool {
    let run = Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if run.is_err() {
        // Past the capture of output: a test that did not run must be seen.
        let line = format!("dnssec: SKIPPED, {program} is not installed\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    run.is_ok()
}

fn geosteer(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geosteer")).args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asks `delv` so many questions, of every shape; gives those that are not fully validated, with what it says.
fn not_validated(state: &Path, port: u16, count: usize) -> Vec<String> {
    let questions: Vec<&str> = QUESTIONS.lines().collect();
    let state_text = state.display().to_string();
    let key = said(&geosteer(&["dnssec", "ds", "example.com", "--dnskey", "--state", &state_text]));
    let words: Vec<&str> = key.split_whitespace().collect();
    let anchor = state.join("anchor");
    let [.., flags, protocol, algorithm, public] = words[..] else { panic!("{key}") };
    let text = format!("trust-anchors {{ example.com static-key {flags} {protocol} {algorithm} \"{public}\"; }};\n");
    std::fs::write(&anchor, text).unwrap();
    // `%` stands for a label that nobody asked for before.
    let ask = |number: usize| {
        let (round, question) = (number / questions.len(), questions[number % questions.len()]);
        let question = question.replace('%', &format!("l{number}"));
        // One in thousands of delv's runs waits for itself for ever (9.18.49, with no question open): it is ended, and asks
        // again.
        let run = |_| {
            let mut delv = Command::new("timeout");
            delv.args(["30", "delv", "@127.0.0.1", "-p", &port.to_string(), "-b", SOURCES[round % SOURCES.len()]]);
            delv.args(["+root=example.com", "-a"]).arg(&anchor).args(question.split_whitespace()).output().unwrap()
        };
        let output = (0..3).map(run).find(|output| output.status.code() != Some(124));
        let Some(output) = output else { return Some(format!("{question}: delv hung three times")) };
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let good = text.contains("fully validated") && !text.contains("unsigned") && !text.contains("bogus");
        (!good).then(|| format!("{question}: {text}"))
    };
    std::thread::scope(|scope| {
        let part = |thread: usize| (thread..count).step_by(8).filter_map(ask).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || part(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn delv_validates_1_000_answers_of_every_shape_by_either_algorithm_and_by_split_keys() {
    if !has("delv") {
        return;
    }
    for (algorithm, roles) in
        [(Algorithm::EcdsaP256Sha256, &[Role::Entry][..]), (Algorithm::Ed25519, &[Role::Zone, Role::Entry])]
    {
        let state = tempfile::tempdir().unwrap();
        make_keys(state.path(), algorithm, roles);
        let server = Server::start(options(state.path())).unwrap();
        let bad = not_validated(state.path(), server.address().port(), 500);
        assert!(bad.is_empty(), "{algorithm:?} {roles:?}: {}", bad.join("\n"));
    }
}

#[test]
fn a_zone_without_its_keys_answers_servfail_and_one_that_runs_keeps_those_it_has() {
    let state = tempfile::tempdir().unwrap();
    let ask = |server: &Server, with_do: bool| {
        let mut asked = Asked::new(geosteer::state::State::clone(&server.state()));
        let question = query("static.example.com", "A");
        let question = if with_do { question.dnssec_ok() } else { question.udp_size(1232) };
        let reply = asked.udp(&question.build());
        (reply.rcode(), reply.answer().len(), reply.extended_error())
    };
    {
        let server = Server::start(options(state.path())).unwrap();
        assert_eq!([ask(&server, false), ask(&server, true)], [(2, 0, Some(14)); 2]);
        make_keys(state.path(), Algorithm::Ed25519, &[Role::Entry]);
        server.reload().unwrap();
        assert_eq!([ask(&server, false), ask(&server, true)], [(0, 2, None), (0, 3, None)]);
        std::fs::remove_dir_all(keys_folder(state.path())).unwrap();
        let reloaded = server.reload().unwrap();
        assert!(reloaded.warnings.iter().any(|line| line.contains("keys are missing")), "{:?}", reloaded.warnings);
        assert_eq!([ask(&server, false), ask(&server, true)], [(0, 2, None), (0, 3, None)]);
    }
    let server = Server::start(options(state.path())).unwrap();
    assert_eq!(ask(&server, true), (2, 0, Some(14)));
}

/// The same zone of static records, signed and not.
fn both() -> [Asked; 2] {
    let text = "a 60 A 192.0.2.1\na 60 A 192.0.2.2\nb 60 CNAME a\n*.w 60 A 192.0.2.3\nx.ent 60 TXT x\n\
        sub 60 NS ns.sub\nns.sub 60 A 192.0.2.4\nsafe 60 NS ns.other.test.\nsafe 60 DS aabb0d02ccddeeff\n\
        moved 60 DNAME a\nz.y.x.w.v 60 A 192.0.2.5";
    let plain = zone("example.com", text);
    let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
    let signing = Signing::On(Arc::new(Signer::new(&plain.apex, vec![key], NOW)));
    let signed = geosteer::snapshot::ZoneSpec { signing, ..plain.clone() };
    [answers::server(vec![signed]), answers::server(vec![plain])]
}

/// Owner, next name and types of each NSEC record in the authority section.
fn nsecs(reply: &Reply) -> Vec<(HickoryName, HickoryName, Vec<u16>)> {
    let read = |record: &Record| match &record.data {
        RData::Unknown { code, rdata } if u16::from(*code) == 47 => {
            let (next, types) = types_of(&rdata.anything).unwrap();
            let next = HickoryName::from_ascii(Name::from_wire(next).unwrap().to_string()).unwrap();
            Some((record.name.clone(), next, types))
        }
        _ => None,
    };
    reply.message.authorities.iter().filter_map(read).collect()
}

/// Names that exist, empty ones included.
const EXISTING: [&str; 17] = [
    "",
    "ns1",
    "a",
    "b",
    "w",
    "*.w",
    "ent",
    "x.ent",
    "sub",
    "safe",
    "moved",
    "v",
    "w.v",
    "x.w.v",
    "y.x.w.v",
    "z.y.x.w.v",
    "moved",
];

#[test]
fn no_nsec_record_covers_a_name_that_exists() {
    let [mut signed, _] = both();
    let full = |label: &str| HickoryName::from_ascii(format!("{label}.example.com.").trim_start_matches('.')).unwrap();
    let existing: Vec<HickoryName> = EXISTING.iter().map(|label| full(label)).collect();
    let mut draw = geosteer::worker::Draw::new(11);
    let letters = ["a", "b", "w", "x", "y", "z", "ent", "moved", "m", "zz", "0", "v"];
    let mut seen = BTreeSet::new();
    for _ in 0..10_000 {
        let labels: Vec<&str> = (0..1 + draw.below(3)).map(|_| letters[draw.below(12) as usize]).collect();
        let label = labels.join(".");
        let reply = signed.udp(&query(&format!("{label}.example.com"), "A").dnssec_ok().udp_size(4096).build());
        let asked = full(&label);
        for (owner, next, types) in nsecs(&reply) {
            let covers = |name: &HickoryName| owner < *name && (*name < next || next == existing[0]);
            // A name without data has its proof before it: the next name stands below it.
            let wrong = existing.iter().find(|name| covers(name) && !name.zone_of(&next));
            assert_eq!(wrong, None, "{label}: {owner} to {next}");
            assert!(types.contains(&46) && types.contains(&47), "{owner}: {types:?}");
            if reply.rcode() == 3 {
                assert!(!existing.contains(&asked), "{label} exists");
            }
            seen.insert(owner);
        }
        if reply.rcode() == 3 && !reply.message.answers.iter().any(|one| one.name != asked) {
            let covered =
                nsecs(&reply).iter().any(|(owner, next, _)| *owner < asked && (asked < *next || *next == existing[0]));
            assert!(covered, "{label}: no proof");
        }
    }
    assert!(seen.len() > 6, "{seen:?}");
}

#[test]
fn who_does_not_ask_for_signatures_gets_what_an_unsigned_zone_answers() {
    let [mut signed, mut plain] = both();
    for label in EXISTING.iter().chain(&["no", "no.w", "q.moved", "deep.sub", "no.ent"]) {
        for qtype in ["A", "TXT", "NS", "SOA", "DS", "ANY", "CNAME", "MX"] {
            let qname = format!("{label}.example.com");
            let question = query(qname.trim_start_matches('.'), qtype).udp_size(1232).build();
            let [ours, theirs] = [&mut signed, &mut plain].map(|server| server.udp(&question).bytes);
            assert_eq!(ours, theirs, "{label} {qtype}");
        }
    }
}

#[test]
fn the_same_set_is_signed_once() {
    let plain = zone("example.com", "a 60 A 192.0.2.1");
    let key = Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).unwrap();
    let signer = Arc::new(Signer::new(&plain.apex, vec![key], NOW));
    let spec = geosteer::snapshot::ZoneSpec { signing: Signing::On(Arc::clone(&signer)), ..plain };
    let ask = |server: &mut Asked, qname: &str, qtype: &str| server.udp(&query(qname, qtype).dnssec_ok().build()).bytes;
    let mut server = answers::server(vec![spec.clone()]);
    let known = signer.len();
    let all = [("a.example.com", "A"), ("a.example.com", "MX"), ("no.example.com", "A"), ("example.com", "TYPE48")];
    // ECDSA signatures differ each time they are made.
    let first = all.map(|(qname, qtype)| ask(&mut server, qname, qtype));
    assert_eq!(all.map(|(qname, qtype)| ask(&mut server, qname, qtype)), first);
    // A configuration that is loaded again with the same records.
    let mut again = answers::server(vec![spec]);
    assert_eq!(all.map(|(qname, qtype)| ask(&mut again, qname, qtype)), first);
    assert_eq!(signer.len(), known, "a flood of names that do not exist makes no signature");
}

#[test]
fn a_signed_answer_that_is_large_for_a_datagram_comes_whole_over_every_stream() {
    let state = tempfile::tempdir().unwrap();
    make_keys(state.path(), Algorithm::EcdsaP256Sha256, &[Role::Entry]);
    let server = Server::start(options(state.path())).unwrap();
    let mut asked = Asked::new(geosteer::state::State::clone(&server.state()));
    for (qname, qtype, count) in [("big.example.com", "TXT", 2), ("crowd.example.com", "AAAA", 17)] {
        let question = query(qname, qtype).udp_size(512).dnssec_ok().build();
        for transport in Transport::ALL {
            let reply = Reply::decode(asked.raw(&question, transport).unwrap());
            let whole = (reply.message.answers.len(), reply.is_truncated());
            let expected = if transport == Transport::Udp { (0, true) } else { (count, false) };
            assert_eq!(whole, expected, "{qname} {transport:?}");
        }
    }
}

#[test]
fn several_answers_come_from_few_sets_that_are_signed_once_each() {
    let state = tempfile::tempdir().unwrap();
    make_keys(state.path(), Algorithm::EcdsaP256Sha256, &[Role::Entry]);
    let server = Server::start(options(state.path())).unwrap();
    let mut asked = Asked::new(geosteer::state::State::clone(&server.state()));
    let (mut sets, mut replies) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..3_000 {
        let reply = asked.udp(&query("many.example.com", "A").dnssec_ok().build());
        let mut records: Vec<Vec<String>> = vec![Vec::new(); 2];
        for record in &reply.message.answers {
            records[usize::from(u16::from(record.record_type()) == 46)].push(record.to_string());
        }
        records[0].sort();
        assert_eq!((records[0].len(), records[1].len()), (4, 1));
        sets.insert(records[0].clone());
        replies.insert(records);
    }
    assert!(sets.len() > 10 && sets.len() <= 64, "{}", sets.len());
    assert_eq!(replies.len(), sets.len(), "a set has one signature");
}

#[test]
fn keys_are_made_told_to_the_parent_and_moved() {
    let [one, other] = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let [first, second] = [&one, &other].map(|folder| folder.path().join("state").display().to_string());
    let made = said(&geosteer(&["dnssec", "init", "Example.com", "--algorithm", "ed25519", "--state", &first]));
    assert!(made.contains("/keys/Kexample.com.+015+"), "{made}");
    let again = geosteer(&["dnssec", "init", "example.com", "--state", &first]);
    assert_eq!(
        (again.status.code(), String::from_utf8_lossy(&again.stderr).contains("has keys already")),
        (Some(3), true)
    );
    let ds = said(&geosteer(&["dnssec", "ds", "example.com", "--state", &first]));
    let (_, key) = geosteer::store::read_key(Path::new(made.trim())).unwrap();
    let hex: String =
        key.ds(b"\x07example\x03com\x00", Digest::Sha256)[4..].iter().map(|o| format!("{o:02X}")).collect();
    assert_eq!(ds, format!("example.com. IN DS {} 15 2 {hex}\n", key.tag()));
    assert_eq!(geosteer(&["dnssec", "ds", "example.com", "--state", &second]).status.code(), Some(3));
    let folder = other.path().join("moved").display().to_string();
    let files = said(&geosteer(&["dnssec", "export", "example.com", &folder, "--state", &first]));
    said(&geosteer(&["dnssec", "import", files.trim(), "--state", &second]));
    assert_eq!(said(&geosteer(&["dnssec", "ds", "example.com", "--state", &second])), ds);
}

/// The DS lines of a zone as trust anchors for `delv`, and what it says of a few questions.
fn validates(state: &Path, port: u16, lines: &str) -> Vec<String> {
    let anchor = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().skip(3).collect();
        format!("example.com static-ds {} {} {} \"{}\";", words[0], words[1], words[2], words[3])
    };
    let text: String = lines.lines().map(anchor).collect();
    let file = state.join("anchors");
    std::fs::write(&file, format!("trust-anchors {{ {text} }};\n")).unwrap();
    let questions =
        ["www.example.com A", "static.example.com A", "nothere.example.com A", "example.com DNSKEY", "example.com CDS"];
    let mut bad = Vec::new();
    for question in questions {
        let mut delv = Command::new("delv");
        delv.args(["@127.0.0.1", "-p", &port.to_string(), "+root=example.com", "-a"]).arg(&file);
        let output = delv.args(question.split_whitespace()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        if !text.contains("fully validated") || text.contains("unsigned") {
            bad.push(format!("{question}: {text}"));
        }
    }
    bad
}

#[test]
fn a_rollover_never_leaves_a_zone_that_does_not_validate() {
    if !has("delv") {
        return;
    }
    for roles in [&["init"][..], &["init", "--split"]] {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().display().to_string();
        let dnssec = |args: &[&str]| geosteer(&[&["dnssec"], args, &["--state", &folder]].concat());
        said(&dnssec(&[roles, &["example.com"]].concat()));
        let server = Server::start(options(state.path())).unwrap();
        let port = server.address().port();
        let first = said(&dnssec(&["ds", "example.com"]));
        let rolled = if roles.len() > 1 { vec!["zone", "entry"] } else { vec!["entry"] };
        let mut before = first.clone();
        for role in rolled {
            said(&dnssec(&["rollover", "start", "example.com", "--role", role]));
            let refused = dnssec(&["rollover", "next", "example.com"]);
            assert!(String::from_utf8_lossy(&refused.stderr).contains("is not safe before"), "{refused:?}");
            loop {
                server.reload().unwrap();
                let now = said(&dnssec(&["ds", "example.com"]));
                // Who knows both, as the parent does, always can; before the zone changes, who knows the old one.
                let bad = validates(state.path(), port, &now);
                assert!(bad.is_empty(), "{role}: {}", bad.join("\n"));
                let status = said(&dnssec(&["rollover", "status", "example.com"]));
                if status.contains("announced") || status.contains("published") {
                    let bad = validates(state.path(), port, &before);
                    assert!(bad.is_empty(), "{role}, {status}: {}", bad.join("\n"));
                }
                if status.contains("no rollover runs") {
                    break;
                }
                said(&dnssec(&["rollover", "next", "example.com", "--force"]));
            }
            let after = said(&dnssec(&["ds", "example.com"]));
            assert_eq!(after == before, role == "zone", "{after}");
            before = after;
        }
        // The old keys do nothing any more.
        let gone = validates(state.path(), port, &first);
        assert!(!gone.is_empty(), "{roles:?}");
    }
}

#[test]
fn keys_and_how_far_they_are_rolled_move_together() {
    let [one, other] = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let [first, second, files] = [&one, &other, &one].map(|folder| folder.path().display().to_string());
    let files = format!("{files}/files");
    said(&geosteer(&["dnssec", "init", "example.com", "--split", "--state", &first]));
    let moved = || {
        let names = said(&geosteer(&["dnssec", "export", "example.com", &files, "--state", &first]));
        let names: Vec<&str> = names.lines().collect();
        said(&geosteer(&[&["dnssec", "import"], &names[..], &["--state", &second]].concat()));
        let [ours, theirs] = [&first, &second]
            .map(|state| said(&geosteer(&["dnssec", "rollover", "status", "example.com", "--state", state])));
        assert_eq!(ours, theirs);
        ours
    };
    assert!(moved().ends_with("no rollover runs\n"));
    said(&geosteer(&["dnssec", "rollover", "start", "example.com", "--state", &first]));
    assert!(moved().contains("  published since "));
    let again = geosteer(&["dnssec", "rollover", "start", "example.com", "--state", &first]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("runs already"));
    said(&geosteer(&["dnssec", "rollover", "next", "example.com", "--force", "--state", &first]));
    assert!(moved().contains("  retired since "));
    let late = geosteer(&["dnssec", "rollover", "cancel", "example.com", "--state", &first]);
    assert_eq!(late.status.code(), Some(3));
    // By the other server.
    said(&geosteer(&["dnssec", "rollover", "next", "example.com", "--force", "--state", &second]));
    let status = said(&geosteer(&["dnssec", "rollover", "status", "example.com", "--state", &second]));
    assert!(status.contains("  removed since ") && status.ends_with("no rollover runs\n"), "{status}");
}

#[test]
fn missing_keys_are_told_as_an_event_and_as_a_metric() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(options(state.path())).unwrap();
    let mut last = server.events().follow();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let told = |events: &geosteer::events::Events| {
        let all = events.after(Some(0), usize::MAX);
        all.into_iter().find(|event| event.kind == geosteer::events::Kind::Keys)
    };
    let event = runtime.block_on(async {
        let come = async {
            loop {
                if let Some(event) = told(server.events()) {
                    return event;
                }
                last.changed().await.unwrap();
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), come).await.unwrap()
    });
    assert_eq!((&*event.subject, &*event.to), ("example.com.", "SERVFAIL"));
    assert!(event.reason.contains("keys are missing"), "{event:?}");
}

#[test]
fn keys_that_bind_made_are_taken_and_have_the_digest_that_bind_says() {
    if !has("dnssec-keygen") || !has("dnssec-dsfromkey") {
        return;
    }
    for algorithm in ["ECDSAP256SHA256", "ED25519"] {
        let folder = tempfile::tempdir().unwrap();
        let mut keygen = Command::new("dnssec-keygen");
        keygen.args(["-q", "-f", "KSK", "-a", algorithm, "-K"]).arg(folder.path()).arg("example.com");
        let stem = said(&keygen.output().unwrap());
        let path = folder.path().join(format!("{}.key", stem.trim())).display().to_string();
        let state = folder.path().join("state").display().to_string();
        said(&geosteer(&["dnssec", "import", &path, "--state", &state]));
        let theirs = said(&Command::new("dnssec-dsfromkey").args(["-2", &path]).output().unwrap());
        assert_eq!(said(&geosteer(&["dnssec", "ds", "example.com", "--state", &state])), theirs);
    }
}

/// The state directory is what a crash between the two writes of that step leaves.
#[test]
fn a_rollover_that_was_cut_off_while_keys_changed_places_is_finished_by_next() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().display().to_string();
    let rollover =
        |verb: &[&str]| geosteer(&[&["dnssec", "rollover"], verb, &["example.com", "--state", &folder]].concat());
    let made = said(&geosteer(&["dnssec", "init", "example.com", "--state", &folder]));
    let old = Path::new(made.trim()).with_extension("private");
    said(&rollover(&["start"]));
    said(&rollover(&["next", "--force"]));
    let before = std::fs::read(&old).unwrap();
    let whole = said(&rollover(&["next", "--force"]));
    assert!(whole.contains("  retired since "), "{whole}");
    std::fs::write(&old, before).unwrap();
    let status = said(&rollover(&["status"]));
    assert!(status.matches("  active").count() == 2 && status.contains(" signs no longer, since key "), "{status}");
    for verb in ["start", "cancel"] {
        assert_eq!(rollover(&[verb]).status.code(), Some(3), "{verb}");
    }
    let done = said(&rollover(&["next"]));
    assert!(done.contains("  retired since ") && done.contains("next: the zone loses key "), "{done}");
}

#[test]
fn one_key_of_a_pair_may_vanish_and_files_go_for_good_once_their_key_is_out_of_use() {
    let [state, aside] = [0; 2].map(|_| tempfile::tempdir().unwrap());
    let [ours, theirs] = [&state, &aside].map(|folder| folder.path().display().to_string());
    let init = ["dnssec", "init", "example.com", "--algorithm", "ED25519", "--state"];
    let split = said(&geosteer(&[&["dnssec", "init", "example.com", "--split", "--state", &ours][..]].concat()));
    let server = Server::start(options(state.path())).unwrap();
    let tags = |server: &Server| {
        let signer = Arc::clone(server.state().snapshot.settings[0].signing.signer().unwrap());
        let mut tags: Vec<u16> = signer.keys().iter().map(|(key, _)| key.tag()).collect();
        tags.sort_unstable();
        (tags, signer.keys_are_missing())
    };
    let warns = || server.reload().unwrap().warnings.iter().any(|line| line.contains("are missing"));
    let delete = |private: &str| {
        std::fs::remove_file(private).unwrap();
        std::fs::remove_file(Path::new(private).with_extension("key")).unwrap();
    };
    let tag = |private: &str| private.rsplit('+').next().unwrap().trim_end_matches(".private").to_owned();
    let [zone_key, entry] = split.lines().collect::<Vec<_>>()[..] else { panic!("{split}") };
    let [of_zone, of_entry] = [zone_key, entry].map(|private| tag(private).parse::<u16>().unwrap());
    let mut both = vec![of_zone, of_entry];
    both.sort_unstable();
    // The other algorithm comes, and with it a key of its own that the parent vouches for.
    let other = said(&geosteer(&[&init[..], &[&theirs]].concat()));
    let imported = said(&geosteer(&["dnssec", "import", other.trim(), "--state", &ours]));
    server.reload().unwrap();
    assert_eq!(tags(&server).0.len(), 3);
    delete(imported.trim());
    assert!(warns());
    assert_eq!((tags(&server).0.len(), tags(&server).1), (3, true));
    said(&geosteer(&["dnssec", "import", other.trim(), "--state", &ours]));
    let remove = |tag: &str| geosteer(&["dnssec", "rollover", "remove", "example.com", tag, "--state", &ours]);
    assert!(said(&remove(&tag(imported.trim()))).contains("  removed since "));
    assert!(!warns());
    delete(imported.trim());
    assert!(!warns());
    assert_eq!(tags(&server), (both.clone(), false));
    // Of the pair the one that the parent vouches for.
    assert_eq!(remove(&of_entry.to_string()).status.code(), Some(3));
    delete(entry);
    server.reload().unwrap();
    assert_eq!(tags(&server), (both, true));
    server.stop();
    let server = Server::start(options(state.path())).unwrap();
    let reply =
        Asked::new(geosteer::state::State::clone(&server.state())).udp(&query("static.example.com", "A").build());
    assert_eq!(reply.rcode(), 2, "never bogus");
}

/// RFC 4035 §2.2: the parent does not sign glue, also where the delegated zone stands on the same server.
#[test]
fn a_signed_zone_is_transferred_the_same_whether_or_not_the_zones_inside_it_are_held_too() {
    let signed = |apex: &str, text: &str| {
        let plain = zone(apex, text);
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        let signing = Signing::On(Arc::new(Signer::new(&plain.apex, vec![key], NOW)));
        geosteer::snapshot::ZoneSpec { signing, ..plain }
    };
    let outer =
        signed("example.com", "sub 60 NS ns.sub\nns.sub 60 A 192.0.2.4\na.b.sub 60 AAAA 2001:db8::4\nz 60 A 192.0.2.5");
    let inner = [signed("sub.example.com", "deep 60 NS ns.deep"), signed("deep.sub.example.com", "ns 60 A 192.0.2.6")];
    let length = |zones: Vec<geosteer::snapshot::ZoneSpec>| {
        let state = answers::state_of(geosteer::snapshot::Spec { zones, ..Default::default() });
        let (snapshot, zone) = (&state.snapshot, geosteer::id::ZoneId::new(0));
        let sets = &snapshot.zones.sets_of_zones(|_| true)[0];
        geosteer::transfer::Edition::new(snapshot, zone, sets, geosteer::transfer::Balanced::LeaveOut).unwrap().len()
    };
    let alone = length(vec![outer.clone()]);
    assert_eq!(length([vec![outer], inner.to_vec()].concat()), alone);
}
