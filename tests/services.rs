//! Records beside the addresses of a balanced name (HTTPS, SRV, MX, TXT): what holds of them whatever was picked.

mod answers;

use answers::{Reply, Server, query};
use geosteer::config::{Options, load_text};
use geosteer::dnssec::{Algorithm, Key, Role, Signer};
use geosteer::geo::Databases;
use geosteer::id::{EndpointId, ZoneId};
use geosteer::pool::{Gate, Gates};
use geosteer::report::{Question, Report};
use geosteer::snapshot::{Signing, Snapshot, Spec};
use geosteer::state::State;
use geosteer::steer::{Live, Observed};
use geosteer::transfer::stand_ins;
use hickory_proto::rr::RecordType;
use std::collections::BTreeSet;
use std::sync::Arc;

const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]
[pools.twin]
check = "none"
answers = 2
endpoints = [
  { name = "one", address = "192.0.2.1", target = "t.example.net", text = "same", weight = 5 },
  { name = "two", address = "192.0.2.2", target = "t.example.net", text = "same", weight = 5 },
]
[pools.slow]
check = "none"
answers = 2
slow_start = "90s"
endpoints = [
  { name = "s1", address = "192.0.2.51", target = "s1.example.net", weight = 100 },
  { name = "s2", address = "192.0.2.52", target = "s2.example.net", weight = 100 },
]
[pools.mix]
check = "none"
answers = 2
endpoints = [
  { name = "m4", address = "192.0.2.4", target = "m4.example.net", text = "four" },
  { name = "m6", address = "2001:db8::6", target = "m6.example.net", text = "six" },
]
[pools.four]
check = "none"
endpoints = [{ name = "v4", address = "192.0.2.40", target = "v4.example.net", text = "v4" }]
[pools.six]
check = "none"
endpoints = [{ name = "v6", address = "2001:db8::60", target = "v6.example.net", text = "v6" }]
[regions]
office = { networks = ["203.0.113.0/24"] }
[names]
twin = { policy = { default = ["twin"] }, srv = { port = 1 }, mx = {}, txt = true }
slow = { policy = { default = ["slow"] }, srv = { port = 1 } }
mix = { policy = { default = ["mix"] }, https = {}, srv = { port = 1 }, mx = {}, txt = true }
split = { policy = { office = { pools = ["six"], geofence = true }, default = ["four"] }, https = {}, txt = true }
none = { policy = { office = { pools = ["six"], geofence = true }, default = ["four"] }, fallback = "nodata", txt = true }
"#;

fn spec(signed: bool) -> Spec {
    let loaded = load_text("test.toml", ZONE, &Options::default());
    let mut spec = loaded.unwrap_or_else(|report| panic!("{}", report.human(false))).spec;
    if signed {
        let zone = &mut spec.zones[0];
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        zone.signing = Signing::On(Arc::new(Signer::new(&zone.apex, vec![key], 1_800_000_000)));
    }
    spec
}

/// A server in which the endpoints of these names are down.
fn server(signed: bool, down: &[&str]) -> Server {
    let snapshot = Snapshot::build(spec(signed), Arc::new(Databases::new(Vec::new()))).unwrap();
    let failed: Vec<EndpointId> = (snapshot.endpoints.iter().enumerate())
        .filter(|(_, endpoint)| down.contains(&&*endpoint.name))
        .map(|(index, _)| EndpointId::new(index))
        .collect();
    Server::new(State::offline(Arc::new(snapshot), &failed))
}

fn ask_signed(server: &mut Server, qname: &str, qtype: &str) -> Reply {
    server.udp(&query(qname, qtype).dnssec_ok().udp_size(4096).build())
}

/// The data of the answer's records, without their signatures.
fn data(reply: &Reply) -> Vec<String> {
    let plain = reply.answer().into_iter().filter(|line| !line.contains("RRSIG"));
    plain.map(|line| line.splitn(5, ' ').nth(4).unwrap().to_owned()).collect()
}

fn signatures(reply: &Reply) -> Vec<String> {
    reply.answer().into_iter().chain(reply.authority()).filter(|line| line.contains("RRSIG")).collect()
}

#[test]
fn endpoints_that_say_the_same_have_one_record() {
    for signed in [false, true] {
        let mut server = server(signed, &[]);
        for (qtype, expected) in [("SRV", "0 5 1 t.example.net."), ("MX", "10 t.example.net."), ("TXT", "same")] {
            let reply = if signed {
                ask_signed(&mut server, "twin.example.com", qtype)
            } else {
                server.ask("twin.example.com", qtype)
            };
            assert_eq!(data(&reply), [expected], "{qtype}");
            assert_eq!(signatures(&reply).len(), usize::from(signed), "{qtype}");
        }
        assert_eq!(server.ask("twin.example.com", "A").answer().len(), 2);
    }
}

#[test]
fn what_stands_for_them_at_a_secondary_has_no_record_twice() {
    let records = stand_ins(&spec(false), ZoneId::new(0));
    let distinct: BTreeSet<_> =
        records.iter().map(|one| (one.owner.to_string(), one.rtype, one.rdata.clone())).collect();
    assert_eq!(records.len(), distinct.len(), "{records:#?}");
    let twin = records.iter().filter(|record| record.owner.to_string() == "twin.example.com.");
    let types: Vec<u16> = twin.map(|record| record.rtype).collect();
    assert_eq!(types, [1, 1, 16, 33, 15]);
}

#[test]
fn srv_records_have_the_weight_that_an_operator_set() {
    for signed in [false, true] {
        let mut server = server(signed, &[]);
        let before = ask_signed(&mut server, "twin.example.com", "SRV");
        assert_eq!(data(&before), ["0 5 1 t.example.net."]);
        let one = server.state.snapshot.endpoints.iter().position(|endpoint| &*endpoint.name == "one").unwrap();
        let mut gates = Gates::default();
        gates.set_weight(EndpointId::new(one), 50);
        server.state.live = Live::with_gates(&server.state.snapshot, Arc::new(gates), |_| Observed::UP);
        // Twice: what signs the answer is made once, and found again.
        let mut seen = BTreeSet::new();
        for _ in 0..2 {
            let reply = ask_signed(&mut server, "twin.example.com", "SRV");
            let mut data = data(&reply);
            data.sort();
            assert_eq!(data, ["0 5 1 t.example.net.", "0 50 1 t.example.net."]);
            assert_eq!(signatures(&reply).len(), usize::from(signed));
            assert!(!signed || signatures(&reply) != signatures(&before));
            seen.insert(signatures(&reply));
        }
        assert_eq!(seen.len(), 1);
    }
}

#[test]
fn srv_records_have_the_weight_that_an_endpoint_has_grown_to_and_each_step_is_signed_once() {
    for signed in [false, true] {
        let mut server = server(signed, &[]);
        let s2 = server.state.snapshot.endpoints.iter().position(|endpoint| &*endpoint.name == "s2").unwrap();
        let mut seen = BTreeSet::new();
        for _ in 0..2 {
            for step in 1..=10_u8 {
                let observed = |id: EndpointId| match id.index() == s2 {
                    true => Observed { share: [step; 2], ..Observed::UP },
                    false => Observed::UP,
                };
                server.state.live = Live::new(&server.state.snapshot, observed);
                let reply = ask_signed(&mut server, "slow.example.com", "SRV");
                let data: BTreeSet<_> = data(&reply).into_iter().collect();
                let expected = ["0 100 1 s1.example.net.".to_owned(), format!("0 {}0 1 s2.example.net.", step)];
                assert_eq!(data, expected.into(), "step {step}");
                assert_eq!(signatures(&reply).len(), usize::from(signed));
                seen.extend(signatures(&reply));
            }
        }
        assert_eq!(seen.len(), if signed { 10 } else { 0 });
        // One that is out grows nowhere: the other has its own number, and is not in tenths.
        let snapshot = &server.state.snapshot;
        let down = |id: EndpointId| match &*snapshot.endpoints[id.index()].name {
            "s2" | "two" => Observed { share: [1; 2], ..Observed::DOWN },
            _ => Observed::UP,
        };
        server.state.live = Live::new(snapshot, down);
        assert_eq!(data(&ask_signed(&mut server, "slow.example.com", "SRV")), ["0 100 1 s1.example.net."]);
        assert_eq!(data(&ask_signed(&mut server, "twin.example.com", "SRV")), ["0 5 1 t.example.net."]);
        // One that an operator has counted as up has all of its weight.
        let mut gates = Gates::default();
        gates.set_endpoint(EndpointId::new(s2), Gate::Up);
        let grows = |id: EndpointId| match id.index() == s2 {
            true => Observed { share: [3; 2], ..Observed::UP },
            false => Observed::UP,
        };
        server.state.live = Live::with_gates(&server.state.snapshot, Arc::new(gates), grows);
        let mut data = data(&ask_signed(&mut server, "slow.example.com", "SRV"));
        data.sort();
        assert_eq!(data, ["0 100 1 s1.example.net.", "0 100 1 s2.example.net."]);
    }
    // Each step has room among the signatures that are kept.
    let room = |zone: &str| load_text("test.toml", zone, &Options::default()).unwrap().spec.sets_of(ZoneId::new(0));
    assert_eq!(room(ZONE), room(&ZONE.replace("slow_start = \"90s\"\n", "")) + 9);
}

#[test]
fn where_no_ipv4_endpoint_is_live_a_live_one_of_ipv6_is_named() {
    for signed in [false, true] {
        let mut up = server(signed, &[]);
        assert_eq!(data(&ask_signed(&mut up, "mix.example.com", "TXT")), ["four"]);
        let mut half = server(signed, &["m4"]);
        for (qtype, expected) in [
            ("SRV", "0 1 1 m6.example.net."),
            ("MX", "10 m6.example.net."),
            ("TXT", "six"),
            ("HTTPS", "1 . ipv6hint=2001:db8::6,"),
        ] {
            let reply = ask_signed(&mut half, "mix.example.com", qtype);
            assert_eq!(data(&reply), [expected], "{qtype}");
            assert_eq!(signatures(&reply).len(), usize::from(signed), "{qtype}");
        }
        // Where nothing at all is live, all stays as it was.
        let mut dead = server(signed, &["m4", "m6"]);
        assert_eq!(data(&ask_signed(&mut dead, "mix.example.com", "TXT")), ["four"]);
        let mut other = server(signed, &["m6"]);
        assert_eq!(data(&ask_signed(&mut other, "mix.example.com", "TXT")), ["four"]);
    }
}

#[test]
fn a_row_of_ipv6_alone_has_its_service_records() {
    for (down, signed) in [(&[][..], false), (&[], true), (&["v6"], false), (&["v6"], true)] {
        let mut server = server(signed, down);
        assert_eq!(data(&ask_signed(&mut server, "split.example.com", "TXT")), ["v4"]);
        server.source = "203.0.113.7:4242".parse().unwrap();
        assert_eq!(server.ask("split.example.com", "AAAA").answer().len(), 1);
        let reply = ask_signed(&mut server, "split.example.com", "TXT");
        assert_eq!(data(&reply), ["v6"]);
        assert_eq!(signatures(&reply).len(), usize::from(signed));
        let none = ask_signed(&mut server, "none.example.com", "TXT");
        assert_eq!(data(&none), if down.is_empty() { &["v6"][..] } else { &[] });
    }
}

#[test]
fn what_is_told_of_service_records_is_what_is_answered() {
    let state = server(false, &["m4"]).state;
    let told = |rtype| {
        let (client, resolver) = ("192.0.2.200".parse().unwrap(), "198.51.100.99".parse().unwrap());
        let question = Question { name: "mix.example.com".into(), rtype, subnet: (client, 24), resolver };
        let report = Report::new(&state, &question).unwrap().unwrap();
        (report.endpoints, report.fallback.is_some())
    };
    assert_eq!(told(RecordType::A), (vec!["m4".into()], true));
    assert_eq!(told(RecordType::AAAA), (vec!["m6".into()], false));
    assert_eq!(told(RecordType::SRV), (vec!["m6".into()], false));
}
