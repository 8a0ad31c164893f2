//! What holds beside the answers that an operator takes an endpoint out of: static records, and the state before.

use super::{Process, folder};

const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]
records.text = """
direct 3600 A 192.0.2.1
f1 3600 A 192.0.2.1
f2 A 192.0.2.2
g1 A 192.0.2.3
g2 A 192.0.2.3
g3 A 192.0.2.3
g4 AAAA 2001:db8::3
g5 A 192.0.2.30
alias CNAME LB.example.net.
"""

[pools]
fra = { check = "none", endpoints = [{ name = "f1", address = "192.0.2.1", target = "f1.example.com" }] }
nyc = { check = "none", endpoints = [{ name = "n1", address = ["192.0.2.9", "2001:db8::9"], target = "n1.example.net" }] }
many = { check = "none", endpoints = [{ name = "m1", address = ["192.0.2.3", "2001:db8::3"] }] }
host = { check = "none", endpoints = [{ name = "h1", hostname = "Lb.Example.net" }] }
back = { check = "none", endpoints = [{ name = "b1", hostname = "lb.example.org" }] }

[names]
www = { policy = { default = ["fra", "nyc"] }, srv = { port = 443 } }
all = { policy = { default = ["many", "nyc"] } }
cdn = { policy = { default = ["host", "back"] } }
"#;

#[test]
fn what_static_records_name_is_not_said_to_be_safe_to_switch_off() {
    let folder = folder(ZONE);
    let server = Process::start(folder.path());
    for (arguments, says) in [
        (&["drain", "pool/fra"][..], "static records direct.example.com., f1.example.com. name it"),
        (
            &["drain", "pool/many"],
            "static records g1.example.com., g2.example.com., g3.example.com. and 1 more name it",
        ),
        (&["drain", "pool/host"], "static record alias.example.com. names it"),
        (&["drain", "endpoint/fra/f1", "--force"], "static records direct.example.com., f1.example.com. name it"),
    ] {
        let (code, out, errors) = server.verb(arguments);
        assert_eq!(code, 0, "{errors}");
        assert!(out.contains(&format!("not safe to switch off: {says}\n")), "{arguments:?}: {out}");
    }
    let status = server.json(&["status"]);
    let safe = &status["overrides"][1]["safe"];
    assert_eq!((&safe["records_in_all"], safe["records"].as_array().unwrap().len()), (&4.into(), 3), "{status}");
    let (_, out, _) = server.verb(&["status"]);
    assert!(out.contains("static record alias.example.com. names it"), "{out}");
    let endpoints = server.json(&["endpoints", "fra"]);
    let f1 = &endpoints["endpoints"][0];
    assert!(f1["health"].is_string() && f1["safe"].is_null(), "{endpoints}");
    // On its way it is said as well; nobody else is named so.
    assert_eq!(server.verb(&["undrain", "pool/fra"]).0, 0);
    assert_eq!(server.verb(&["undrain", "endpoint/fra/f1"]).0, 0);
    let (_, out, _) = server.verb(&["drain", "pool/fra", "--over", "30m"]);
    assert!(out.contains("static records direct.example.com."), "{out}");
    let (_, out, _) = server.verb(&["drain", "pool/nyc", "--force"]);
    assert!(!out.contains("static record"), "{out}");
}

#[test]
fn a_gradual_drain_in_place_of_up_keeps_that_on_its_way_and_over_a_restart() {
    let folder = folder(ZONE);
    let kept = || {
        let text = std::fs::read_to_string(folder.path().join("state/overrides.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["overrides"][0].clone()
    };
    let server = Process::start(folder.path());
    assert_eq!(server.verb(&["up", "pool/fra"]).0, 0);
    assert_eq!(server.verb(&["drain", "pool/fra", "--over", "30m"]).0, 0);
    assert_eq!(kept()["held"], "up");
    // A drain in place of the drain: what was before the first one holds.
    assert_eq!(server.verb(&["drain", "pool/fra", "--over", "2h"]).0, 0);
    assert_eq!(kept()["held"], "up");
    server.kill();
    let server = Process::start(folder.path());
    assert_eq!(server.verb(&["drain", "pool/fra", "--over", "3h"]).0, 0);
    assert_eq!(kept()["held"], "up", "it was read again");
    assert_eq!(server.verb(&["undrain", "pool/fra"]).0, 0);
    assert_eq!(server.verb(&["drain", "pool/fra", "--over", "30m"]).0, 0);
    assert!(kept()["held"].is_null(), "nobody had said anything");
}
