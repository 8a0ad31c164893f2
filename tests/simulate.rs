//! `geosteer simulate`, `diff` and `test` as people and CI run them.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const ZONE: &str = "zones/gslb.example.com.toml";

fn geosteer(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geosteer")).args(args).output().unwrap()
}

fn json(args: &[&str]) -> Value {
    let out = geosteer(args);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&out)))
}

fn text(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

/// The demo zone in a folder, with something in it replaced.
fn zone(folder: &Path, from: &str, to: &str) -> String {
    let zone = std::fs::read_to_string(ZONE).unwrap();
    assert!(zone.contains(from));
    std::fs::write(folder.join("gslb.example.com.toml"), zone.replace(from, to)).unwrap();
    folder.display().to_string()
}

#[test]
fn an_outage_moves_europe_and_africa() {
    let out = json(&["simulate", "--zones", "zones", "--down", "pool/lon", "--json"]);
    let www = &out["names"]["www.gslb.example.com"];
    let part = |side: &str, pool: &str| www[side][pool].as_f64().unwrap_or(0.0);
    let sum = |side: &str| ["lon", "nyc", "sao", "tyo", "syd"].iter().map(|pool| part(side, pool)).sum::<f64>();
    assert!((sum("before") - 1.0).abs() < 1e-6 && (sum("after") - 1.0).abs() < 1e-6, "{www}");
    assert!(part("before", "lon") > 0.1 && part("after", "lon") == 0.0);
    let most = |country: &str, side: &str| {
        let shares = www["countries"][country][side].as_object().unwrap();
        shares.iter().max_by(|a, b| a.1.as_f64().partial_cmp(&b.1.as_f64()).unwrap()).unwrap().0.clone()
    };
    assert_eq!((most("DE", "before"), most("DE", "after")), ("lon".into(), "nyc".into()));
    assert_eq!((most("ZA", "before"), most("ZA", "after")), ("lon".into(), "syd".into()));
    assert_eq!((most("JP", "before"), most("JP", "after")), ("tyo".into(), "tyo".into()));
}

#[test]
fn clients_of_a_list_count_by_their_weights_and_pools_over_capacity_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("clients.csv");
    std::fs::write(&list, "prefix,weight\n193.0.6.0/24,3\n133.11.0.0/24,1\n").unwrap();
    let list = list.display().to_string();
    let out = json(&["simulate", "--zones", "zones", "--clients", &list, "--down", "pool/lon", "--json"]);
    let www = &out["names"]["www.gslb.example.com"];
    assert_eq!((&www["before"]["lon"], &www["after"]["nyc"]), (&0.75.into(), &0.75.into()), "{www}");

    let zones =
        zone(folder.path(), "[pools.nyc]", "[pools.nyc]\nload = { field = \"n\", path = \"/load\" }\ncapacity = 500");
    let args = ["simulate", "--zones", &zones, "--clients", &list, "--down", "pool/lon", "--load-total", "1000"];
    let out = geosteer(&args);
    assert!(text(&out).contains("pool nyc gets 750 of a capacity of 500, 0 before"), "{}", text(&out));
}

#[test]
fn a_target_that_nothing_is_called_is_a_mistake() {
    let out = geosteer(&["simulate", "--zones", "zones", "--down", "pool/lonn"]);
    assert!(out.status.code() == Some(2) && text(&out).contains("did you mean \"pool/lon\"?"), "{}", text(&out));
}

#[test]
fn a_map_is_written_as_svg_or_as_a_page() {
    let folder = tempfile::tempdir().unwrap();
    for (name, start) in [("world.svg", "<svg "), ("world.html", "<!doctype html>")] {
        let file = folder.path().join(name);
        let out = geosteer(&["simulate", "--zones", "zones", "--down", "pool/lon", "--map", file.to_str().unwrap()]);
        assert!(out.status.success(), "{}", text(&out));
        let drawn = std::fs::read_to_string(file).unwrap();
        assert!(drawn.starts_with(start) && drawn.contains("lon has too few live endpoints"));
        assert!(roxmltree::Document::parse(drawn.trim_start_matches("<!doctype html>\n")).is_ok());
    }
}

#[test]
fn a_zone_compared_with_itself_moves_nobody_and_a_gate_stops_what_moves_more() {
    let same = json(&["diff", "zones", "zones", "--json"]);
    assert_eq!((&same["moved"], &same["ok"]), (&0.0.into(), &true.into()), "{same}");
    let folder = tempfile::tempdir().unwrap();
    let changed = zone(folder.path(), "africa        = [\"lon\", \"syd\"]", "africa        = [\"syd\", \"lon\"]");
    let out = geosteer(&["diff", "zones", &changed, "--max-moved", "5%"]);
    assert!(out.status.code() == Some(0) && text(&out).contains("ZA South Africa"), "{}", text(&out));
    let out = geosteer(&["diff", "zones", &changed, "--max-moved", "1%"]);
    assert!(out.status.code() == Some(1) && text(&out).contains("too many"), "{}", text(&out));
}

const FAILING: &str = "[[test]]\nclient = \"193.0.6.0/24\"\nname = \"www.gslb.example.com\"\npool = \"tyo\"\n";

#[test]
fn a_failing_routing_test_is_named_at_its_place_by_test_and_by_check() {
    let passes = geosteer(&["test", "zones"]);
    assert!(passes.status.success() && text(&passes).contains("ok, 4 tests"), "{}", text(&passes));
    let folder = tempfile::tempdir().unwrap();
    let zones = zone(folder.path(), "lon", "lon");
    assert_eq!(geosteer(&["test", &zones]).status.code(), Some(1), "no test is no pass");
    std::fs::write(folder.path().join("x.tests.toml"), FAILING).unwrap();
    for verb in ["test", "check"] {
        let out = geosteer(&[verb, &zones]);
        let said = text(&out);
        assert!(out.status.code() == Some(1), "{verb}: {said}");
        assert!(said.contains("error[E071]") && said.contains("x.tests.toml:4:8"), "{verb}: {said}");
        assert!(said.contains("the pool is lon, not tyo"), "{verb}: {said}");
    }
}

#[test]
fn a_reload_runs_the_routing_tests_and_is_refused_by_one_that_fails() {
    use geosteer::daemon::{Options, Server};
    let folder = tempfile::tempdir().unwrap();
    let _ = zone(folder.path(), "lon", "lon");
    let server = Server::start(Options::for_paths(vec![folder.path().to_owned()])).expect("it starts");
    server.reload().expect("nothing is wrong yet");
    std::fs::write(folder.path().join("x.tests.toml"), FAILING).unwrap();
    let refused = server.reload().expect_err("a test fails");
    assert!(refused.lines.iter().any(|line| line.contains("E071")), "{refused}");
    std::fs::write(folder.path().join("x.tests.toml"), FAILING.replace("tyo", "lon")).unwrap();
    server.reload().expect("the test passes");
}
