//! What the routes answer, and to whom.

use super::web::{get, send, trusted};
use super::{Running, ZONE};
use geosteer::admin::routes;
use serde_json::json;

#[test]
fn what_is_served_is_shown_as_the_command_line_shows_it() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let status = get(to, "/api/v1/status");
    assert_eq!((status.status, status.header("content-type")), (200, Some("application/json")));
    assert_eq!(status.json()["answer"], "status");
    assert_eq!(status.json()["names"], 2);
    let zones = get(to, "/api/v1/zones").json();
    let names = zones["zones"][0]["names"].as_array().unwrap().clone();
    assert_eq!((&zones["zones"][0]["zone"], zones["zones"][0]["serial"].is_u64()), (&json!("example.com."), true));
    let www = names.iter().find(|name| name["name"] == "www.example.com.").unwrap();
    assert_eq!((&www["ttl"], &www["types"]), (&json!(60), &json!(["A"])));
    assert_eq!(get(to, "/api/v1/pools").json()["pools"].as_array().unwrap().len(), 2);
    let endpoints = get(to, "/api/v1/endpoints?pool=two").json();
    assert_eq!(endpoints["endpoints"][0]["address"], "192.0.2.2");
    assert_eq!(endpoints["endpoints"].as_array().unwrap().len(), 1);
    assert_eq!(get(to, "/api/v1/events?since=0").json()["events"][0]["kind"], "start");
    assert_eq!(get(to, "/api/v1/overrides").json(), json!({ "overrides": [] }));
    assert_eq!(get(to, "/healthz").body, "ok\n");
    let metrics = get(to, "/metrics");
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    assert!(metrics.body.contains("# TYPE geosteer_"), "{}", metrics.body);
    assert_eq!(get(to, "/readyz").status, 200);
    assert!(get(to, "/").body.contains("geosteer"));
}

#[test]
fn the_serial_is_that_of_the_soa_record() {
    let running = Running::new(&format!("{ZONE}\n[soa]\nserial = 2026112501\n"));
    assert_eq!(get(running.admin, "/api/v1/zones").json()["zones"][0]["serial"], 2_026_112_501_u32);
}

#[test]
fn every_response_tells_browsers_to_be_careful() {
    let running = Running::new(ZONE);
    for path in ["/", "/api/v1/status", "/nothing"] {
        let reply = get(running.admin, path);
        assert!(reply.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'self'")));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(reply.header("x-frame-options"), Some("deny"), "{path}");
    }
}

#[test]
fn an_override_is_set_shown_and_removed() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let order = |dry_run| {
        json!({ "target": "pool/two", "state": "drain", "reason": "<b>x</b>", "dry_run": dry_run }).to_string()
    };
    let tried = trusted(to, "POST", "/api/v1/overrides", &order(true));
    assert_eq!(
        (tried.status, &tried.json()["dry_run"], &tried.json()["moves"][0]["region"]),
        (200, &json!(true), &json!("office"))
    );
    assert_eq!(get(to, "/api/v1/overrides").json()["overrides"], json!([]));
    let done = trusted(to, "POST", "/api/v1/overrides", &order(false));
    assert_eq!((done.status, &done.json()["answer"]), (200, &json!("done")));
    let listed = get(to, "/api/v1/overrides").json();
    assert_eq!(listed["overrides"][0]["target"], "pool/two");
    assert_eq!(
        (&listed["overrides"][0]["owner"], &listed["overrides"][0]["reason"]),
        (&json!("admin API"), &json!("<b>x</b>"))
    );
    let lifted = trusted(to, "DELETE", "/api/v1/overrides?target=pool%2Ftwo&reason=over", "");
    assert_eq!((lifted.status, &lifted.json()["answer"]), (200, &json!("done")));
    assert_eq!(get(to, "/api/v1/overrides").json()["overrides"], json!([]));
}

#[test]
fn a_reload_says_what_changed_or_why_nothing_did() {
    let running = Running::new(ZONE);
    let reloaded = trusted(running.admin, "POST", "/api/v1/reload", r#"{"reason":"a try"}"#);
    assert_eq!((reloaded.status, &reloaded.json()["answer"]), (200, &json!("reloaded")), "{}", reloaded.body);
    assert_eq!((&reloaded.json()["generation"], &reloaded.json()["summary"]), (&json!(2), &json!("nothing changed")));
    assert_eq!(get(running.admin, "/api/v1/status").json()["generation"], 2);
    assert_eq!(trusted(running.admin, "POST", "/api/v1/reload", "").status, 200);
    assert_eq!(trusted(running.admin, "POST", "/api/v1/reload", "[]").status, 400);
}

#[test]
fn what_makes_no_sense_or_is_refused_says_why() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let of = |method, target, body: &str| {
        let reply = trusted(to, method, target, body);
        (reply.status, reply.code())
    };
    let order = |text: &str| of("POST", "/api/v1/overrides", text);
    assert_eq!(order("{"), (400, "bad_request".to_owned()));
    assert_eq!(order(r#"{"target":"pool/x","state":"drain"}"#), (404, "not_found".to_owned()));
    assert_eq!(order(r#"{"target":"pool/one","state":"drain"}"#), (409, "refused".to_owned()));
    assert_eq!(order(r#"{"target":"pool/one","state":"away"}"#), (400, "bad_request".to_owned()));
    assert_eq!(of("DELETE", "/api/v1/overrides", ""), (400, "bad_request".to_owned()));
    assert_eq!(of("DELETE", "/api/v1/overrides?target=pool/one", ""), (404, "not_found".to_owned()));
    assert_eq!(of("GET", "/api/v1/events?after=1", ""), (400, "bad_request".to_owned()));
    assert_eq!(of("GET", "/api/v2/status", ""), (404, "not_found".to_owned()));
    let other = trusted(to, "PUT", "/api/v1/overrides", "");
    assert_eq!((other.status, other.code()), (405, "method_not_allowed".to_owned()));
    assert_eq!(other.header("allow"), Some("get, post, delete"));
}

#[test]
fn every_write_needs_the_token_and_no_page_of_somebody_else_gets_through() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let mut writes = 0;
    for route in routes() {
        let (method, path) = (route.method.as_str(), route.path.replace("{*file}", "x"));
        for foreign in ["Host: evil.example", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"] {
            let reply = send(to, method, &path, &[foreign], "");
            assert_eq!((reply.status, reply.code()), (403, "forbidden".to_owned()), "{method} {path} {foreign}");
        }
        if method != "GET" {
            writes += 1;
            for said in ["X-Nothing: 1", "Authorization: Bearer wrong", "Authorization: Basic eDp5"] {
                let reply = send(to, method, &path, &[said], "");
                assert_eq!((reply.status, reply.code()), (401, "unauthorized".to_owned()), "{method} {path}");
                assert!(reply.header("www-authenticate").is_some_and(|says| says.starts_with("bearer")));
            }
        }
    }
    assert!(writes >= 2, "{writes}");
    let own = format!("Origin: http://{to}");
    assert_eq!(send(to, "GET", "/api/v1/status", &[&own], "").status, 200);
}

#[test]
fn without_a_token_file_orders_come_over_the_control_socket_only() {
    let running = Running::with(ZONE, None);
    assert_eq!(get(running.admin, "/api/v1/status").status, 200);
    let reply = trusted(running.admin, "POST", "/api/v1/overrides", r#"{"target":"pool/two","state":"drain"}"#);
    assert_eq!((reply.status, reply.code()), (401, "unauthorized".to_owned()));
    assert!(reply.body.contains("control socket"), "{}", reply.body);
}
