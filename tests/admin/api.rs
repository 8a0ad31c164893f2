//! What the routes answer, and to whom.

use super::web::{get, send, trusted};
use super::{Running, TOKEN, ZONE};
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

/// What is none of a write's business: a Host or an Origin that is not the server's.
const FOREIGN: [&str; 4] = [
    "Host: evil.example",
    "Host: localhost.evil.example:80",
    "Origin: http://evil.example",
    "Sec-Fetch-Site: cross-site",
];

/// What is no token.
const NO_TOKEN: [&str; 4] =
    ["X-Nothing: 1", "Authorization: Bearer wrong", "Authorization: Basic eDp5", "Authorization: Bearer "];

/// The paths and methods that the running server describes.
fn described(to: std::net::SocketAddr) -> Vec<(String, String)> {
    let document = get(to, "/openapi.json").json();
    let of_path = |(path, item): (&String, &serde_json::Value)| {
        let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
        methods.map(|method| (path.replace("{file}", "x"), method.to_ascii_uppercase())).collect::<Vec<_>>()
    };
    document["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
}

#[test]
fn every_write_needs_the_token_and_no_page_of_somebody_else_gets_through() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let described = described(to);
    assert_eq!(described.len(), routes().len(), "the description has every route");
    for (path, method) in &described {
        for foreign in FOREIGN {
            let reply = send(to, method, path, &[foreign, &format!("Authorization: Bearer {TOKEN}")], "");
            assert_eq!((reply.status, reply.code()), (403, "forbidden".to_owned()), "{method} {path} {foreign}");
        }
    }
    let mut writes: Vec<String> = Vec::new();
    for (path, method) in described.iter().filter(|(_, method)| method != "GET") {
        writes.push(format!("{method} {path}"));
        for said in NO_TOKEN {
            let reply = send(to, method, path, &[said], "");
            assert_eq!((reply.status, reply.code()), (401, "unauthorized".to_owned()), "{method} {path} {said}");
            assert!(reply.header("www-authenticate").is_some_and(|says| says.starts_with("bearer")));
        }
    }
    let orders = ["DELETE /api/v1/overrides", "POST /api/v1/diff", "POST /api/v1/overrides", "POST /api/v1/reload"];
    writes.sort_unstable();
    assert_eq!(writes, orders);
    let own = format!("Origin: http://{to}");
    assert_eq!(send(to, "GET", "/api/v1/status", &[&own], "").status, 200);
    assert_eq!(get(to, "/api/v1/overrides").json()["overrides"], json!([]), "nothing was done");
    assert_eq!(get(to, "/api/v1/status").json()["generation"], 1);
}

/// A method that no route has is a write all the same: a route that is added is closed until it is known to be open.
#[test]
fn whatever_is_not_read_is_a_write() {
    let running = Running::new(ZONE);
    let to = running.admin;
    let mut paths: Vec<String> = described(to).into_iter().map(|(path, _)| path).collect();
    paths.push("/nothing".to_owned());
    for path in paths {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "INVENTED"] {
            assert_eq!(send(to, method, &path, &[], "").status, 401, "{method} {path}");
            assert_eq!(send(to, method, &path, &[FOREIGN[0]], "").status, 403, "{method} {path}");
        }
    }
}

#[test]
fn without_a_token_file_orders_come_over_the_control_socket_only() {
    let running = Running::with(ZONE, None);
    assert_eq!(get(running.admin, "/api/v1/status").status, 200);
    let reply = trusted(running.admin, "POST", "/api/v1/overrides", r#"{"target":"pool/two","state":"drain"}"#);
    assert_eq!((reply.status, reply.code()), (401, "unauthorized".to_owned()));
    assert!(reply.body.contains("control socket"), "{}", reply.body);
}
