//! TCP checks that say something and expect an answer.

use super::*;
use crate::limits::TCP_EXPECT_MAX;

fn talk(port: u16, send: &str, expect: &str) -> CheckKind {
    CheckKind::Tcp { port, source: Source::default(), send: send.into(), expect: expect.into() }
}

/// A server that greets, waits for a line, answers it, and then closes or says nothing more.
async fn server(greeting: &'static [u8], answer: &'static [u8], closes: bool) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
    let (port, heard) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<u8>>>::default());
    let hears = Arc::clone(&heard);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let hears = Arc::clone(&hears);
            tokio::spawn(async move {
                // Byte by byte, so that the text comes in parts.
                stream.set_nodelay(true).unwrap();
                for byte in greeting {
                    let _ = stream.write_all(&[*byte]).await;
                    tokio::task::yield_now().await;
                }
                let mut line = [0; 64];
                if !answer.is_empty() {
                    let length = stream.read(&mut line).await.unwrap_or(0);
                    hears.lock().unwrap().extend_from_slice(&line[..length]);
                    let _ = stream.write_all(answer).await;
                }
                if !closes {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (port, heard)
}

#[tokio::test]
async fn the_expected_text_may_come_in_parts_and_what_is_sent_arrives_as_written() {
    let (port, _) = server(b"220 mail.example.com ESMTP\r\n", b"", false).await;
    passed(&run(talk(port, "", "220 "), 20_000).await);
    let (port, heard) = server(b"", b"+PONG\r\n", false).await;
    let ended = run(talk(port, "PING\r\n", "+PONG\r\n"), 20_000).await;
    passed(&ended);
    assert!(ended.note.starts_with("the expected text in "), "{}", ended.note);
    assert_eq!(*heard.lock().unwrap(), b"PING\r\n");
    let ended = run(talk(port, "QUIT\r\n", ""), 20_000).await;
    assert!(ended.outcome == Outcome::Pass && ended.note.starts_with("connected and sent in "), "{}", ended.note);
}

#[tokio::test]
async fn ways_to_be_half_dead_are_named() {
    let (busy, _) = server(b"421 too busy\r\n\x1b[2J", b"", true).await;
    failed(&run(talk(busy, "", "220 "), 20_000).await, "answered, but not with the expected text: \"421 too busy");
    let (mute, _) = server(b"", b"", true).await;
    failed(&run(talk(mute, "", "220 "), 20_000).await, "closed without an answer");
    let (hangs, _) = server(b"", b"", false).await;
    let (odd, _) = server(b"421 too busy\r\n", b"", false).await;
    for (port, words) in [
        (hangs, "connected, but no answer within 700 ms"),
        (odd, "answered, but not with the expected text within 700 ms"),
    ] {
        let ended = run(talk(port, "", "220 "), 700).await;
        let lagged = ended.outcome == Outcome::Inconclusive && ended.note.contains("lagged");
        assert!(lagged || ended.outcome == Outcome::Fail && *ended.note == *words, "{}", ended.note);
    }
    failed(&run(talk(closed_port().await, "", "220 "), 20_000).await, "connection refused");
}

#[tokio::test]
async fn an_endless_answer_is_read_no_further_than_its_bound() {
    static LONG_ANSWER: [u8; TCP_EXPECT_MAX + 3] = {
        let mut bytes = [b'x'; TCP_EXPECT_MAX + 3];
        bytes[TCP_EXPECT_MAX] = b'2';
        bytes
    };
    let (port, _) = server(&LONG_ANSWER, b"", false).await;
    failed(&run(talk(port, "", "2"), 20_000).await, "not with the expected text: \"xxxx");
}
