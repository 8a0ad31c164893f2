//! `geosteer probe`, from the outside.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

/// An HTTP server for as many requests; gives its port.
fn serve(response: &'static str, requests: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(requests) {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    port
}

/// Exit code, stdout and stderr of `geosteer probe` on a zone with these pools.
fn probe(pools: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let zone = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n";
    std::fs::write(folder.path().join("zone.toml"), format!("{zone}{pools}")).unwrap();
    std::fs::write(folder.path().join("geosteer.toml"), "zones = [\"zone.toml\"]\n[probe]\nexec = true\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_geosteer"))
        .current_dir(folder.path())
        .arg("probe")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_probe_shows_its_phases_and_its_verdict() {
    let port = serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 2);
    let pools = format!("[pools.fra]\ncheck = \"http://www.example.com:{port}/\"\nendpoints = [\"127.0.0.1\"]\n");
    let (code, said, _) = probe(&pools, &["fra/127.0.0.1", "--zones", "zone.toml"]);
    assert_eq!(code, Some(0), "{said}");
    for word in
        ["fra/127.0.0.1  127.0.0.1  check http://", "connect", "first byte", "body", "together", "passed: 200 in"]
    {
        assert!(said.contains(word), "no {word} in {said}");
    }
    let (code, said, _) = probe(&pools, &["fra/127.0.0.1", "--zones", "zone.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    let one = &json["probes"][0];
    assert_eq!((code, json["passed"].as_bool(), one["outcome"].as_str()), (Some(0), Some(true), Some("passed")));
    let phases: Vec<_> =
        one["phases"].as_array().unwrap().iter().map(|phase| phase["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["connect", "first byte", "body"]);
    let sum: f64 = one["phases"].as_array().unwrap().iter().map(|phase| phase["ms"].as_f64().unwrap()).sum();
    assert!(sum <= one["took_ms"].as_f64().unwrap() + 0.001, "the phases are parts of the whole: {said}");
}

#[test]
fn a_probe_that_fails_ends_with_1_and_a_target_that_is_none_with_2() {
    let port = serve("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 1);
    let pools = format!(
        "[pools]\nfra = {{ check = \"http://www.example.com:{port}/\", endpoints = [{{ name = \"fra1\", address = \"127.0.0.1\" }}] }}\n\
         bare = {{ check = \"none\", endpoints = [\"127.0.0.1\"] }}\n"
    );
    let (code, said, _) = probe(&pools, &["fra/fra1", "--zones", "zone.toml"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("failed: status 503"), "{said}");
    for (target, why) in [
        ("fra/fra2", "pool fra has no endpoint \"fra2\"; did you mean \"fra1\"?"),
        ("frb/fra1", "no pool is called \"frb\"; did you mean \"fra\"?"),
        ("bare/127.0.0.1", "pool bare is not probed"),
        ("fra", "an endpoint is POOL/ENDPOINT"),
    ] {
        let (code, _, said) = probe(&pools, &[target, "--zones", "zone.toml"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn programs_run_only_where_the_server_file_allows_it() {
    let pools = "[checks.own]\ntype = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"echo at $GEOSTEER_ADDRESS\"]\n\
                 [pools.fra]\ncheck = \"own\"\nendpoints = [\"192.0.2.1\"]\n";
    let (code, said, _) = probe(pools, &["fra/192.0.2.1", "--config", "geosteer.toml"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(": at 192.0.2.1") && said.contains("run "), "{said}");
    let (code, _, said) = probe(pools, &["fra/192.0.2.1", "--zones", "zone.toml"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("error[E015]") && said.contains("exec = true under [probe]"), "{said}");
}
