//! HTTP and HTTPS probes: what they ask, where they go, what they believe.

use super::*;

#[tokio::test]
async fn a_probe_asks_as_configured_and_closes_its_connection() {
    let (port, seen) = serve(OK, false).await;
    let headers = Box::new([("X-Probe".into(), "geosteer".into())]);
    passed(
        &ask(HttpCheck { host: Some("www.example.com".into()), headers, method: "HEAD".into(), ..http(port) }).await,
    );
    let requests = seen.requests();
    let request = requests[0].to_ascii_lowercase();
    assert!(request.starts_with("head /healthz http/1.1\r\n"), "{request}");
    for line in [&format!("host: www.example.com:{port}"), "x-probe: geosteer", "connection: close"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "no {line} in {request}");
    }
    assert!(request.contains(&format!("user-agent: geosteer/{}", env!("CARGO_PKG_VERSION"))), "{request}");
}

#[tokio::test]
async fn a_status_that_is_not_expected_fails_and_a_redirect_is_not_followed() {
    let (target, seen) = serve(OK, false).await;
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target}/\r\nContent-Length: 0\r\n\r\n");
    let (port, _) = serve(moved, false).await;
    failed(&ask(http(port)).await, "status 302");
    assert!(seen.requests().is_empty());
    passed(&ask(HttpCheck { expect_status: Box::new([302..=302]), ..http(port) }).await);
    let (port, _) = serve("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", false).await;
    failed(&ask(http(port)).await, "status 503");
}

#[tokio::test]
async fn the_expected_text_counts_within_the_first_64_kib_only() {
    let body = |before: usize| {
        let body = format!("{}needle{}", "x".repeat(before), "y".repeat(1 << 20));
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let check = |port| HttpCheck { expect_body: Some("needle".into()), ..http(port) };
    let (port, _) = serve(body(crate::limits::PROBE_BODY_MAX - 6), false).await;
    passed(&ask(check(port)).await);
    let (port, _) = serve(body(crate::limits::PROBE_BODY_MAX - 5), false).await;
    failed(&ask(check(port)).await, "expected text");
}

#[tokio::test]
async fn a_body_that_does_not_end_in_time_fails() {
    let (port, _) = serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nslow", true).await;
    let ended = run(CheckKind::Http(http(port)), 400).await;
    // On a machine that is too busy to keep 400 ms the probe rightly says that it cannot judge.
    assert!(
        ended.outcome != Outcome::Pass
            && (ended.note.contains("did not end within 400 ms") || ended.note.contains("lagged"))
    );
    let (port, _) = serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", false).await;
    assert_eq!(ask(http(port)).await.outcome, Outcome::Fail);
}

#[tokio::test]
async fn a_refused_connection_fails_at_once() {
    let port = closed_port().await;
    failed(&ask(http(port)).await, "connection refused");
    let ended = run(tcp(port), 20_000).await;
    failed(&ended, "connection refused");
    let (port, _) = serve(OK, false).await;
    passed(&run(tcp(port), 20_000).await);
}

#[tokio::test]
async fn the_connection_goes_to_the_endpoint_and_the_name_is_only_host_and_server_name() {
    let authority = Authority::new();
    let (port, seen) = authority.serve("www.example.com", 2100).await;
    let ended = ask_tls(https(port, "www.example.com"), &authority).await;
    passed(&ended);
    assert!(ended.note.contains("certificate expires in"), "{}", ended.note);
    assert_eq!(seen.names.lock().unwrap()[..], [Some("www.example.com".to_owned())]);
    assert!(seen.requests()[0].to_ascii_lowercase().contains(&format!("host: www.example.com:{port}\r\n")));
}

#[tokio::test]
async fn a_host_that_is_an_address_is_verified_and_named_but_not_connected_to() {
    let authority = Authority::new();
    let (port, seen) = authority.serve("192.0.2.1", 2100).await;
    passed(&ask_tls(https(port, "192.0.2.1"), &authority).await);
    assert!(seen.requests()[0].to_ascii_lowercase().contains(&format!("host: 192.0.2.1:{port}\r\n")));
    failed(&ask_tls(https(port, "192.0.2.2"), &authority).await, "another name");
}

#[tokio::test]
async fn certificates_are_judged_in_plain_words() {
    let authority = Authority::new();
    let (port, _) = authority.serve("www.example.com", 2020).await;
    failed(&ask_tls(https(port, "www.example.com"), &authority).await, "certificate expired");
    let unverified =
        HttpCheck { tls: Some(Security { verify: false, identity: None }), ..https(port, "other.example.com") };
    passed(&ask_tls(unverified, &authority).await);
    let (port, _) = authority.serve("www.example.com", 2100).await;
    failed(&ask_tls(https(port, "api.example.com"), &authority).await, "certificate is for another name");
    failed(&ask_tls(https(port, "www.example.com"), &Authority::new()).await, "unknown issuer");
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail.example.com ESMTP\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    failed(&ask_tls(https(port, "www.example.com"), &authority).await, "no TLS spoken there");
}

#[tokio::test]
async fn no_probe_resumes_a_tls_session() {
    let authority = Authority::new();
    let (port, seen) = authority.serve("www.example.com", 2100).await;
    let job = job(CheckKind::Http(https(port, "www.example.com")), 20_000);
    let method = Method::new(&job, &mut Shared::with(authority.trusted())).unwrap();
    for _ in 0..3 {
        passed(&method.run(&job).await.0);
    }
    let kinds = seen.handshakes.lock().unwrap().clone();
    assert_eq!(kinds.len(), 3, "one connection a probe");
    assert!(kinds.iter().all(|kind| matches!(kind, HandshakeKind::Full)), "{kinds:?}");
}

#[tokio::test]
async fn a_host_name_is_resolved_before_its_probe() {
    let (port, seen) = serve(OK, false).await;
    let address = TargetAddress::Host(Name::parse("localhost").unwrap());
    let job = Job { address, ..job(CheckKind::Http(http(port)), 20_000) };
    passed(&run_job(&job, TlsConfigs::new()).await);
    assert!(seen.requests()[0].to_ascii_lowercase().contains(&format!("host: localhost:{port}\r\n")));
}

#[tokio::test]
async fn an_early_end_of_our_descriptors_is_inconclusive() {
    let error = std::io::Error::from_raw_os_error(24); // EMFILE
    assert_eq!(reason::judge(&error, "").outcome, Outcome::Inconclusive);
}

#[tokio::test]
async fn a_body_in_chunks_is_read_like_any_other() {
    let chunked = |chunks: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
    let ready = JsonField { path: Box::new(["ready".into()]), value: JsonValue::Bool(true) };
    let json = |port| HttpCheck { expect_json: Box::new([ready.clone()]), ..http(port) };
    let (port, _) = serve(chunked("9\r\n{\"ready\":\r\n6\r\n true}\r\n0\r\n\r\n"), false).await;
    passed(&ask(json(port)).await);
    passed(&ask(HttpCheck { expect_body: Some("ready\": true".into()), ..http(port) }).await);
    passed(&ask(http(port)).await);
    let (port, _) = serve(chunked("9\r\n{\"ready\":\r\n6\r\n true}\r\n"), false).await;
    failed(&ask(json(port)).await, "the body ended early");
    let (port, _) = serve(chunked("nine\r\n{\"ready\":\r\n"), false).await;
    failed(&ask(http(port)).await, "no proper HTTP spoken there: invalid chunk size");
}

#[tokio::test]
async fn a_json_body_counts_if_it_is_no_longer_than_64_kib() {
    let ready = JsonField { path: Box::new(["ready".into()]), value: JsonValue::Bool(true) };
    let json = |port| HttpCheck { expect_json: Box::new([ready.clone()]), ..http(port) };
    for (size, ok) in [(crate::limits::PROBE_BODY_MAX, true), (crate::limits::PROBE_BODY_MAX + 1, false)] {
        let text = ["{\"ready\": true}", &" ".repeat(size - 15)].concat();
        let (chunk, length) = (format!("{size:x}\r\n{text}\r\n0\r\n\r\n"), format!("Content-Length: {size}"));
        let ways = [(&*length, &*text), ("Transfer-Encoding: chunked", &*chunk), ("Connection: close", &*text)];
        for (field, body) in ways {
            let (port, _) = serve(format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n{body}"), false).await;
            let ended = ask(json(port)).await;
            assert_eq!(ended.outcome == Outcome::Pass, ok, "{field}, {size}: {}", ended.note);
            assert!(ok || ended.note.contains("longer than 64 KiB"), "{}", ended.note);
        }
    }
}

#[tokio::test]
async fn interim_responses_are_not_the_answer() {
    let (port, _) = serve(format!("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n{OK}"), false).await;
    let ended = ask(http(port)).await;
    passed(&ended);
    assert!(ended.note.starts_with("200 in "), "{}", ended.note);
}
