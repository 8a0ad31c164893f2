//! Explanations, simulations and comparisons over HTTP: of the state that serves.

use super::web::{get, trusted};
use super::{Running, ZONE};
use serde_json::json;

#[test]
fn an_explanation_is_of_the_state_that_serves() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let pool = || {
        let report = get(to, "/api/v1/explain?name=www.example.com&client=192.0.2.0/24").json();
        (report["region"].clone(), report["pool"].clone(), report["answers"][0].clone())
    };
    assert_eq!(pool(), (json!("office"), json!("two"), json!("192.0.2.2")));
    let order = r#"{"target":"pool/two","state":"drain"}"#;
    assert_eq!(trusted(to, "POST", "/api/v1/overrides", order).status, 200);
    assert_eq!(pool(), (json!("office"), json!("one"), json!("192.0.2.1")));
    for wrong in ["name=www.example.com", "client=192.0.2.1", "name=x&client=y", "name=x&client=192.0.2.1&type=Z"] {
        assert_eq!(get(to, &format!("/api/v1/explain?{wrong}")).status, 400, "{wrong}");
    }
    let unknown = get(to, "/api/v1/explain?name=ww.example.com&client=192.0.2.1").json();
    assert_eq!(unknown["rcode"], "NXDOMAIN");
}

#[test]
fn a_simulation_says_by_country_who_moves() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let simulated = get(to, "/api/v1/simulate?name=www.example.com&down=pool/one");
    assert_eq!(simulated.status, 200, "{}", simulated.body);
    let name = &simulated.json()["names"]["www.example.com"];
    assert!(name["before"]["one"].as_f64().unwrap() > 0.99, "{}", name["before"]);
    assert!(name["after"]["two"].as_f64().unwrap() > 0.99, "{}", name["after"]);
    assert_eq!(
        (&name["countries"]["GB"]["before"], &name["countries"]["GB"]["after"]),
        (&json!({ "one": 1.0 }), &json!({ "two": 1.0 }))
    );
    let of = |query: &str| get(to, &format!("/api/v1/simulate?{query}"));
    let codes = ["down=pool/x", "name=x.example.com", "down=x"].map(|query| of(query).status);
    assert_eq!(codes, [404, 404, 400]);
    assert!(of("drain=pool/onne").body.contains("did you mean"), "a hint");
}

#[test]
fn what_simulations_keep_is_of_the_configuration_that_serves() {
    let running = Running::from_file(ZONE);
    let to = running.admin;
    let share = |name: &str| {
        let simulated = get(to, &format!("/api/v1/simulate?name={name}.example.com"));
        assert_eq!(simulated.status, 200, "{}", simulated.body);
        let told = simulated.json();
        assert!(told["clients"]["networks"].as_u64().unwrap() > 100_000, "{}", told["clients"]);
        told["names"][format!("{name}.example.com")]["before"]["two"].as_f64().unwrap_or(0.0)
    };
    assert!((0..2).all(|_| share("www") < 0.01 && share("only") == 0.0));
    running.rewrite(&ZONE.replace("192.0.2.0/24", "0.0.0.0/1"));
    assert_eq!(trusted(to, "POST", "/api/v1/reload", "").status, 200);
    assert!((0..2).all(|_| share("www") > 0.2 && share("only") == 0.0));
}

#[test]
fn a_comparison_is_of_one_zones_text_and_reads_no_file() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let diff = |zone: &str| trusted(to, "POST", "/api/v1/diff", &json!({ "zones": zone }).to_string());
    let same = diff(ZONE);
    assert_eq!((same.status, &same.json()["moved"]), (200, &json!(0.0)), "{}", same.body);
    let other = diff(&ZONE.replace(r#"default = ["one", "two"]"#, r#"default = ["two", "one"]"#));
    assert!(other.json()["moved"].as_f64().unwrap() > 0.99, "{}", other.body);
    assert_eq!(other.json()["only_old"], json!([]));
    let wrong = diff(&ZONE.replace("[pools]", "[pool]"));
    assert_eq!((wrong.status, wrong.code()), (400, "bad_request".to_owned()));
    let reads = diff(&ZONE.replace("[regions]", "[records]\nfile = \"/etc/hostname\"\n[regions]"));
    assert_eq!(reads.status, 400);
    assert!(reads.body.contains("cannot name files"), "{}", reads.body);
}

#[test]
fn the_configuration_is_named_and_not_shown() {
    let running = Running::new(ZONE);
    let config = get(running.admin, "/api/v1/config");
    assert_eq!(config.json()["files"][0]["path"], "example.toml");
    assert_eq!(config.json()["databases"][0]["label"], "embedded");
    assert_eq!(config.json()["listen"][0], running.server.address().to_string());
    assert!(!config.body.contains(super::TOKEN) && !config.body.contains("192.0.2.1"));
}
