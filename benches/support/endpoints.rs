//! Toy endpoints for real probes: one listener for every address of 127.0.0.0/8, and a switch for each endpoint.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

/// How an endpoint behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Mood {
    /// 200.
    Well = 0,
    /// Takes the connection and closes it.
    Closes = 1,
    /// Takes the connection and says nothing.
    Hangs = 2,
}

/// The endpoints; they end with this.
pub(crate) struct Endpoints {
    moods: Arc<[AtomicU8]>,
    /// The port of all of them.
    pub(crate) port: u16,
    _runtime: Runtime,
}

impl Endpoints {
    /// So many endpoints, all well.
    pub(crate) fn start(count: usize) -> Self {
        let moods: Arc<[AtomicU8]> = (0..count).map(|_| AtomicU8::new(Mood::Well as u8)).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let _entered = runtime.enter();
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([0, 0, 0, 0], 0).into()).expect("a free port");
        let listener = socket.listen(4_096).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::clone(&moods);
        runtime.spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(reply(stream, Arc::clone(&shared)));
                }
            }
        });
        drop(_entered);
        Self { moods, port, _runtime: runtime }
    }

    /// The address of an endpoint.
    pub(crate) fn address(index: usize) -> Ipv4Addr {
        Ipv4Addr::new(127, 3, (index >> 8) as u8, index as u8)
    }

    /// Changes how an endpoint behaves from its next connection on.
    pub(crate) fn set(&self, index: usize, mood: Mood) {
        self.moods[index].store(mood as u8, Ordering::Relaxed);
    }
}

async fn reply(mut stream: TcpStream, moods: Arc<[AtomicU8]>) {
    let Ok(SocketAddr::V4(address)) = stream.local_addr() else { return };
    let [_, _, high, low] = address.ip().octets();
    let mood = moods.get(usize::from(high) << 8 | usize::from(low)).map_or(0, |mood| mood.load(Ordering::Relaxed));
    let mut request = [0; 1_024];
    if mood == Mood::Closes as u8 || stream.read(&mut request).await.is_err() {
        return;
    }
    if mood == Mood::Hangs as u8 {
        // Until the prober gives up.
        while stream.read(&mut request).await.is_ok_and(|length| length > 0) {}
        return;
    }
    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n").await;
    let _gone = stream.shutdown().await;
}
