//! What is told before anything happens: routing tests, the explanation of an answer, the preview of a drain.

use geosteer::config::{Options, load_text};
use geosteer::geo::Databases;
use geosteer::report::{Question, Report};
use geosteer::routing_tests;
use geosteer::snapshot::Snapshot;
use geosteer::state::State;
use geosteer::steer::moves;
use hickory_proto::rr::RecordType;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;

const HEAD: &str = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n";

fn snapshot(rest: &str) -> Arc<Snapshot> {
    let loaded = load_text("zone.toml", &format!("{HEAD}{rest}"), &Options::default());
    let spec = loaded.unwrap_or_else(|report| panic!("{}", report.short())).spec;
    Arc::new(Snapshot::build(spec, Arc::new(Databases::embedded().unwrap())).unwrap())
}

#[test]
fn a_routing_test_asks_as_a_resolver_that_the_zone_believes() {
    let steered = "[regions]\nhome = { networks = [\"193.0.6.0/24\", \"2001:db8:6::/48\"] }\n[names.www.policy]\n\
        home = [\"p\"]\ndefault = [\"q\"]\n[pools]\np = { check = \"none\", endpoints = [\"192.0.2.1\"] }\n\
        q = { check = \"none\", endpoints = [\"192.0.2.2\"] }\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone.tests.toml");
    let test = |client: &str, region: &str| {
        format!("[[test]]\nclient = \"{client}\"\nname = \"www.example.com\"\nregion = \"{region}\"\n")
    };
    let tests = ["193.0.6.0/24", "193.0.6.9", "2001:db8:6::/56"].map(|client| test(client, "home")).concat();
    std::fs::write(&file, tests + &test("198.51.100.0/24", "default")).unwrap();
    for ecs in [
        "",
        "[ecs]\ntrusted = [\"192.0.2.0/24\"]\n",
        "[ecs]\ntrusted = [\"2001:db8:53::/48\"]\n",
        "[ecs]\ntrusted = [\"198.51.100.0/24\", \"192.0.2.53\"]\n",
        "[ecs]\ntrusted = []\n",
        "[ecs]\nenabled = false\n",
    ] {
        let outcome = routing_tests::run(&snapshot(&format!("{ecs}{steered}")), std::slice::from_ref(&file));
        assert_eq!((outcome.run, outcome.report.short()), (4, String::new()), "{ecs}");
    }
}

#[test]
fn the_preview_of_a_drain_has_the_families_of_the_name_only() {
    let pools = "[pools]\np = { check = \"none\", endpoints = [\"192.0.2.1\"] }\n\
        r = { check = \"none\", endpoints = [\"2001:db8::1\"] }\n\
        h = { check = \"none\", endpoints = [{ hostname = \"lb.example.net\" }] }\n\
        b = { check = \"none\", endpoints = [{ address = [\"192.0.2.3\", \"2001:db8::3\"] }] }\n";
    for (pool, lanes) in [("p", vec![0]), ("r", vec![1]), ("h", vec![0]), ("b", vec![0, 1])] {
        let snapshot = snapshot(&format!("{pools}[names.www]\nfallback = \"nodata\"\npolicy.default = [\"{pool}\"]\n"));
        let all: Vec<_> = snapshot.pools.iter().flat_map(|pool| pool.endpoints()).collect();
        let up = State::offline(Arc::clone(&snapshot), &[]);
        let found = moves(&up, &State::offline(Arc::clone(&snapshot), &all));
        assert_eq!(found.iter().map(|one| one.lane).collect::<Vec<_>>(), lanes, "{pool}");
    }
}

fn asked(state: &State, name: &str, rtype: RecordType) -> Report {
    let subnet = ([193, 0, 6, 0].into(), 24);
    let question = Question { name: name.to_owned(), rtype, subnet, resolver: Ipv4Addr::LOCALHOST.into() };
    Report::new(state, &question).unwrap().unwrap()
}

#[test]
fn types_and_rcodes_have_the_words_that_dig_takes() {
    let label = "a".repeat(63);
    let snapshot = snapshot(&format!(
        "[records]\ntext = '''\nx TYPE65280 \\# 1 07\nd DNAME {label}.{label}.{label}.example.net.\n'''\n"
    ));
    let state = State::offline(snapshot, &[]);
    let private = asked(&state, "x.example.com", RecordType::from(65_280));
    assert!(private.dig.ends_with(" x.example.com TYPE65280"), "{}", private.dig);
    assert_eq!(private.r#type, "TYPE65280");
    let usual = asked(&state, "x.example.com", RecordType::AAAA);
    assert!(usual.dig.ends_with(" x.example.com AAAA"), "{}", usual.dig);
    let long = asked(&state, &format!("{label}.{label}.d.example.com"), RecordType::A);
    assert_eq!(long.rcode, "YXDOMAIN");
}

#[test]
fn an_explanation_says_with_whom_in_the_answer_an_endpoint_shares_its_rack() {
    let pool = |answers: u8, tail: &str| {
        let racks = [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")];
        let endpoint = |(at, (name, rack)): (usize, (&str, &str))| {
            format!("{{ name = \"{name}\", address = \"192.0.2.{at}\", tags = [\"rack:{rack}\", \"kind:x\"] }}")
        };
        let endpoints = racks.into_iter().enumerate().map(endpoint).collect::<Vec<_>>().join(", ");
        format!(
            "[pools]\np = {{ check = \"none\", answers = {answers}, endpoints = [{endpoints}]{tail} }}\n\
             [names]\nwww = {{ policy = {{ default = [\"p\"] }} }}\n"
        )
    };
    let told = |text: &str| {
        let report = asked(&State::offline(snapshot(text), &[]), "www.example.com", RecordType::A);
        report.trail.into_iter().next().expect("a pool")
    };
    let spread = told(&pool(2, ", spread = \"rack\""));
    assert_eq!(spread.spread.as_deref(), Some("rack"));
    let (picked, others): (Vec<_>, Vec<_>) = spread.endpoints.iter().partition(|one| one.picked);
    assert_eq!(picked.len(), 2);
    for other in others {
        let rack = &other.name[..1];
        let beside = picked.iter().find(|one| one.name.starts_with(rack)).expect("one of each rack");
        assert_eq!(other.why, format!("live, not picked: shares rack:{rack} with {}", beside.name));
        assert_eq!(other.share, Some(25.0));
    }
    let plain = told(&pool(2, ""));
    assert_eq!(plain.spread, None);
    assert!(plain.endpoints.iter().all(|one| one.picked || one.why == "live, not picked"), "{plain:?}");

    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zone.toml");
    for (text, of) in
        [(pool(2, ", spread = \"rack\""), "25 % of the first addresses (weighted)"), (pool(2, ""), "25 % (weighted)")]
    {
        std::fs::write(&zone, format!("{HEAD}{text}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_geosteer"));
        let out = command.args(["explain", "www.example.com", "--client", "193.0.6.0/24", "--zones"]).arg(&zone);
        let out = String::from_utf8(out.output().unwrap().stdout).unwrap();
        assert_eq!(out.matches(of).count(), 4, "{of}: {out}");
    }
}

#[test]
fn the_line_to_type_asks_where_the_server_file_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("zone.toml"), format!("{HEAD}records.text = \"x A 192.0.2.1\"\n")).unwrap();
    for (listen, dig) in [
        ("", "dig @127.0.0.1 -p 5300 "),
        ("[dns]\nlisten = [\"127.0.0.1:5399\", \"127.0.0.2:53\"]\n", "dig @127.0.0.1 -p 5399 "),
        ("[dns]\nlisten = [\"0.0.0.0:53\"]\n", "dig @127.0.0.1 -p 53 "),
        ("[dns]\nlisten = [\"[::]:53\"]\n", "dig @::1 -p 53 "),
    ] {
        std::fs::write(path("geosteer.toml"), listen).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_geosteer"));
        command.args(["explain", "x.example.com", "--client", "193.0.6.0/24", "--json", "--config"]);
        let out = command.arg(path("geosteer.toml")).arg("--zones").arg(path("zone.toml")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let report: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{out:?}"));
        assert!(report["dig"].as_str().unwrap().starts_with(dig), "{listen}: {}", report["dig"]);
    }
}
