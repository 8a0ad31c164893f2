//! The description against the routes, both ways.

use super::web::{get, send};
use super::{Running, ZONE};
use geosteer::admin::routes;
use std::collections::BTreeSet;

#[test]
fn the_description_has_every_route_and_every_route_is_described() {
    let running = Running::new(ZONE);
    let document = get(running.admin, "/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let methods = |path: &serde_json::Value| {
        let keys = path.as_object().unwrap().keys().filter(|key| *key != "parameters");
        keys.map(|method| method.to_ascii_uppercase()).collect::<Vec<_>>()
    };
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| methods(item).into_iter().map(move |method| (path.clone(), method)))
        .collect();
    let routed: BTreeSet<(String, String)> =
        routes().iter().map(|route| (route.path.replace("{*", "{"), route.method.to_string())).collect();
    assert_eq!(described, routed);
    for (path, method) in described {
        // Without the token a write is 401, which is not 404 either.
        // A stream would go on, and a simulation takes its time: they are asked for what they cannot give.
        let target = path.replace("{file}", "app.js").replace("/stream", "/stream?since=x");
        let target = target.replace("/simulate", "/simulate?down=x");
        let reply = send(running.admin, &method, &target, &[], "");
        let missing_file = path.contains('{');
        assert!(missing_file || !matches!(reply.status, 404 | 405), "{method} {path}: {}", reply.status);
        let known = &document["paths"][&path][method.to_ascii_lowercase()]["responses"];
        assert!(known[reply.status.to_string()].is_object(), "{method} {path}: {} is not described", reply.status);
    }
}
