//! RFC 9250: DNS over QUIC.

#[path = "secure/mod.rs"]
mod secure;

use secure::framed;
use secure::quic::Quic;
use secure::served::{addresses, query, query_with, serve};

const PROTOCOL_ERROR: u64 = 2;

#[test]
fn section_4_1_the_protocol_is_doq_and_no_other() {
    let served = serve();
    assert_eq!(addresses(&served.quic().ask(&query("static.example.com", 1))), ["192.0.2.9"]);
    assert!(Quic::try_connect(served.address("quic"), &served.pair, "h3").is_err());
}

#[test]
fn section_4_2_each_query_has_a_stream_of_its_own_and_replies_are_those_of_tcp() {
    let served = serve();
    let quic = served.quic();
    let europe: (u16, &[u8]) = (8, &[0, 1, 24, 0, 193, 0, 6]);
    for _ in 0..20 {
        for query in [
            query("www.example.com", 1),
            query_with("www.example.com", 1, &[europe]),
            query("large.example.com", 16),
            query("none.example.com", 28),
            query("www.example.org", 1),
        ] {
            assert_eq!(quic.ask(&query), served.tcp(&query));
        }
    }
    let replies = quic.runtime.block_on(async {
        let ask = |number: usize| {
            let (connection, query) = (quic.connection.clone(), query(["www", "large"][number % 2], 16));
            tokio::spawn(async move {
                let (mut send, mut receive) = connection.open_bi().await.unwrap();
                send.write_all(&framed(&query)).await.unwrap();
                send.finish().unwrap();
                receive.read_to_end(70_000).await.unwrap().len()
            })
        };
        let all: Vec<_> = (0..500).map(ask).collect();
        let mut replies = 0;
        for one in all {
            assert!(one.await.unwrap() > 14);
            replies += 1;
        }
        replies
    });
    assert_eq!(replies, 500, "more than may be under way at a time");
}

#[test]
fn section_4_2_1_a_message_with_an_id_is_a_protocol_error() {
    let served = serve();
    let quic = served.quic();
    let mut query = query("www.example.com", 1);
    query[1] = 1;
    assert!(quic.send(&framed(&query)).is_err());
    assert_eq!(quic.closed(), PROTOCOL_ERROR);
}

#[test]
fn section_4_3_3_what_is_not_one_whole_query_is_a_protocol_error() {
    let served = serve();
    let query = query("www.example.com", 1);
    for octets in [
        Vec::new(),
        framed(&query)[..20].to_vec(),
        [framed(&query), framed(&query)].concat(),
        framed(&query[..11]),
        vec![0; 70_000],
    ] {
        let quic = served.quic();
        let _none = quic.send(&octets);
        assert_eq!(quic.closed(), PROTOCOL_ERROR, "{} octets", octets.len());
    }
    assert_eq!(served.quic().ask(&query), served.tcp(&query), "others do not notice");
}

#[test]
fn section_4_3_3_streams_of_one_direction_are_no_part_of_the_protocol() {
    let served = serve();
    let quic = served.quic();
    // None may be opened: the client waits in vain, whatever it does then.
    let opened = quic.runtime.block_on(async {
        let opening = tokio::time::timeout(std::time::Duration::from_millis(200), quic.connection.open_uni());
        opening.await.is_ok()
    });
    assert!(!opened);
    assert_eq!(addresses(&quic.ask(&query("static.example.com", 1))), ["192.0.2.9"]);
}

#[test]
fn section_5_4_replies_are_padded_if_their_query_was() {
    let served = serve();
    let padded = query_with("www.example.com", 1, &[(12, &[0; 20])]);
    assert_eq!(served.quic().ask(&padded).len(), 468);
}

#[test]
fn section_5_5_2_a_word_about_idle_time_is_a_protocol_error() {
    let served = serve();
    let quic = served.quic();
    assert!(quic.send(&framed(&query_with("www.example.com", 1, &[(11, &[])]))).is_err());
    assert_eq!(quic.closed(), PROTOCOL_ERROR);
}

#[test]
fn section_5_5_1_a_server_that_stops_answers_what_came_and_says_that_nothing_is_wrong() {
    let served = serve();
    let quic = served.quic();
    quic.ask(&query("www.example.com", 1));
    served.server.stop();
    assert_eq!(quic.closed(), 0);
}
