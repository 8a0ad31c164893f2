//! RFC 8484: DNS over HTTPS.

#[path = "secure/mod.rs"]
mod secure;

use secure::http2::{self, Http2};
use secure::served::{addresses, query, query_with, serve};
use secure::{get, post, request};

#[test]
fn section_4_1_get_and_post_are_answered_over_both_versions_of_http() {
    let served = serve();
    let mut old = served.https();
    let mut new = Http2::connect(served.address("https"), &served.pair);
    for query in [query("www.example.com", 1), query("large.example.com", 16), query("none.example.com", 1)] {
        let expected = served.tcp(&query);
        for response in [
            request(&mut old, &get(&query)),
            request(&mut old, &post(&query)),
            new.ask(http2::get(&query)).unwrap(),
            new.ask(http2::post(&query)).unwrap(),
        ] {
            assert_eq!((response.status, &response.body), (200, &expected));
            assert_eq!(response.header("content-type"), "application/dns-message");
        }
    }
}

#[test]
fn section_4_2_1_every_dns_response_is_a_success_of_http() {
    let served = serve();
    let mut stream = served.https();
    let mut notify = query("example.com", 6);
    notify[2] = 0x20;
    for (query, rcode) in [
        (query("none.example.com", 1), 3),
        (query("www.example.org", 1), 5),
        (notify, 4),
        (query("example.com", 1)[..20].to_vec(), 1),
    ] {
        let response = request(&mut stream, &post(&query));
        assert_eq!((response.status, response.body[3] & 0xf), (200, rcode));
    }
}

#[test]
fn section_4_2_1_what_is_no_dns_query_has_a_status_of_http_and_no_message() {
    let served = serve();
    let mut stream = served.https();
    let mut response_of = |text: &str| {
        let response = request(&mut stream, text.as_bytes());
        assert!(response.body.is_empty() && response.header("content-type").is_empty());
        (response.status, response.header("allow").to_owned())
    };
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(response_of(&get("/")).0, 404);
    assert_eq!(response_of(&get("/dns-query")).0, 400);
    assert_eq!(response_of(&get("/dns-query?dns=****")).0, 400);
    assert_eq!(response_of(&get("/dns-query?dns=AAAA")).0, 400, "three octets are no query");
    let put = "PUT /dns-query HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(response_of(put), (405, "GET, POST".to_owned()));
    let json = "POST /dns-query HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(response_of(json).0, 415);
    let other = "GET /dns-query?dns=AAAA HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n";
    assert_eq!(response_of(other).0, 406);
    // A response to somebody's query.
    let mut reply = query("www.example.com", 1);
    reply[2] = 0x80;
    assert_eq!(request(&mut served.https(), &post(&reply)).status, 400);
}

#[test]
fn section_5_1_a_response_is_fresh_for_the_smallest_ttl_of_its_answers_or_its_soa() {
    let served = serve();
    let mut stream = served.https();
    for (name, rtype, seconds) in [
        ("www.example.com", 1, 40),
        ("static.example.com", 1, 300),
        ("static.example.com", 16, 60),
        ("none.example.com", 1, 30),
        ("www.example.org", 1, 0),
    ] {
        let response = request(&mut stream, &get(&query(name, rtype)));
        // Where clients are decides: no cache that they share may keep it.
        assert_eq!(response.header("cache-control"), format!("private, max-age={seconds}"), "{name}");
    }
}

#[test]
fn section_5_2_http_2_is_agreed_on_by_alpn_and_http_1_1_without_it() {
    let served = serve();
    let answered = |protocols: &[&str]| {
        let mut stream = secure::secure(served.address("https"), &served.pair.client(protocols));
        let chosen = stream.conn.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        (chosen, request(&mut stream, &get(&query("www.example.com", 1))).status)
    };
    assert_eq!(answered(&["http/1.1"]), (Some("http/1.1".to_owned()), 200));
    assert_eq!(answered(&[]), (None, 200));
    let stream = secure::secure(served.address("https"), &served.pair.client(&["h2", "http/1.1"]));
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
}

#[test]
fn section_6_the_message_id_is_the_clients_own_and_a_client_subnet_decides_as_over_udp() {
    let served = serve();
    let mut stream = served.https();
    let europe: (u16, &[u8]) = (8, &[0, 1, 24, 0, 193, 0, 6]);
    let mut asked = query_with("www.example.com", 1, &[europe]);
    asked[..2].copy_from_slice(&[0xab, 0xcd]);
    let response = request(&mut stream, &get(&asked));
    assert_eq!(response.body, served.udp(&asked));
    assert_eq!((&response.body[..2], addresses(&response.body)), (&[0xab, 0xcd][..], vec!["192.0.2.10".to_owned()]));
}
