//! The plain TCP check: a connection that is accepted passes; if something is said or expected, what comes back counts.

use super::Ended;
use super::connect::Way;
use super::progress::{Phase, Progress};
use super::{reason, short};
use crate::limits::{PROBE_NOTE_PART, TCP_EXPECT_MAX};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Connects, says `send` and looks for `expect`; each may be empty.
pub(super) async fn probe(way: &Way, send: &str, expect: &str, progress: &Progress) -> Ended {
    let mut stream = match way.tcp(progress).await {
        Ok(stream) => stream,
        Err(ended) => return ended,
    };
    if send.is_empty() && expect.is_empty() {
        return Ended::pass(format!("connected in {} ms", progress.millis()));
    }
    progress.enter(Phase::FirstByte);
    if let Err(error) = stream.write_all(send.as_bytes()).await {
        return reason::judge_io(&error);
    }
    match expect.is_empty() {
        true => Ended::pass(format!("connected and sent in {} ms", progress.millis())),
        false => wait_for(&mut stream, expect.as_bytes(), progress).await,
    }
}

/// Reads until the text stands in what came, in the first [`TCP_EXPECT_MAX`] bytes of it.
async fn wait_for(stream: &mut TcpStream, expect: &[u8], progress: &Progress) -> Ended {
    let mut answer = Vec::with_capacity(TCP_EXPECT_MAX);
    while answer.len() < TCP_EXPECT_MAX {
        let seen = answer.len();
        let room = (TCP_EXPECT_MAX - seen) as u64;
        match (&mut *stream).take(room).read_buf(&mut answer).await {
            Ok(0) if seen == 0 => return Ended::fail("the connection was closed without an answer"),
            Ok(0) => break,
            Ok(_) if seen == 0 => progress.enter(Phase::Answer),
            Ok(_) => {}
            Err(error) => return reason::judge_io(&error),
        }
        let from = seen.saturating_sub(expect.len() - 1);
        if answer[from..].windows(expect.len()).any(|window| window == expect) {
            return Ended::pass(format!("the expected text in {} ms", progress.millis()));
        }
    }
    let said = short(&String::from_utf8_lossy(&answer), PROBE_NOTE_PART);
    Ended::fail(format!("answered, but not with the expected text: \"{}\"", said.trim_end()))
}
