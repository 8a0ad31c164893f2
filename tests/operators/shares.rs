//! What loads do to pools on a running server: said when it begins, and kept over a restart.

use super::{Process, folder, load_server};

#[test]
fn a_pool_that_sheds_is_told_of_once_and_a_restart_sends_nobody_back() {
    let port = load_server(r#"{"n": 950}"#);
    let zone = format!(
        "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks]\n\
         web = {{ type = \"http\", port = {port}, interval = \"1s\", timeout = \"900ms\" }}\n[pools]\n\
         a = {{ check = \"web\", load = {{ field = \"n\", stale = \"1m\" }}, shed_from = 500, shed_at = 1000, endpoints = [\"127.0.0.1\"] }}\n\
         b = {{ check = \"none\", endpoints = [\"127.0.0.2\"] }}\n\
         [names]\nwww = {{ policy = {{ default = [\"a\", \"b\"] }}, ttl = 1 }}\n"
    );
    let folder = folder(&zone);
    let share = |server: &Process| server.json(&["pools"])["pools"][0]["keeps"].as_f64().unwrap();
    let mut server = Process::start(folder.path());
    let line = server.line(&["sheds: its load is 950", "90 % of its clients stay", "pool/a"]);
    assert!(line.contains("WARN"), "{line}");
    let kept = share(&server);
    assert!(kept <= 90.0, "{kept}");
    let events = server.json(&["events"]);
    let told: Vec<_> = events["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "shed").collect();
    assert!(told.len() == 1 && told[0]["subject"] == "pool/a" && told[0]["to"] == "sheds", "{told:?}");
    server.signal("-TERM");
    server.line(&["stopped"]);
    let server = Process::start(folder.path());
    assert!(share(&server) <= kept, "{} after {kept}", share(&server));
}
