//! What strangers do to encrypted transports, and what others notice: port 53, and a new client of DNS over TLS.
//!
//! `cargo bench --bench encrypted [-- --only NAME] [--seconds N] [--json]`
//!
//! * half-open: 3,000 handshakes from 1,000 addresses that begin and do not go on, each opened anew when it is closed
//! * slow-bodies: 64 HTTP/2 connections with as many bodies as they may have that never end
//! * rapid-reset: 100,000 HTTP/2 requests, each taken back as soon as it is sent
//! * cut-handshakes: 10,000 handshakes that end after each of their octets in turn
//!
//! UDP is asked at a fixed rate meanwhile, and one client of DNS over TLS after the other connects, asks and goes. The attacker
//! works behind everybody else, as one on another machine would.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

#[path = "../tests/secure/mod.rs"]
mod secure;

use geosteer::priority;
use secure::http2::{self, Http2};
use secure::{NAME, Pair};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use support::ask::Ask;
use support::load::{Load, Outcome, Until};
use support::queries::Stream;
use support::server::{Server, Start, static_probe};
use support::table::Table;

/// Queries a second over UDP.
const RATE: f64 = 2_000.0;
/// A new client over TLS has its answer within this.
const PROMISED: Duration = Duration::from_millis(200);
/// Handshakes that are open at a time.
const HALF_OPEN: usize = 3_000;
/// Connections with slow bodies.
const SLOW: usize = 64;
/// Requests that are taken back.
const RESETS: u64 = 100_000;
/// Handshakes that are cut off.
const CUTS: u64 = 10_000;

const ZONE: &str = "zone = \"example.com\"\nns = [\"ns1.example.net\"]\n[records]\ntext = \"static A 192.0.2.1\"\n";

type Attack = fn(&Bench, &AtomicBool) -> u64;

fn main() {
    let attacks: [(&str, Attack); 5] = [
        ("quiet", |_, stop| wait(stop)),
        ("half-open", half_open),
        ("slow-bodies", slow_bodies),
        ("rapid-reset", rapid_reset),
        ("cut-handshakes", cut_handshakes),
    ];
    let bench = Bench::start();
    let columns = [
        "attack",
        "done",
        "seconds",
        "udp answered",
        "udp lost",
        "p50 µs",
        "p99 µs",
        "dot clients",
        "p50 ms",
        "p99 ms",
        "most ms",
        "server MB",
    ];
    let mut table = Table::new("Port 53 and new clients of DNS over TLS under attack", &columns);
    let (mut kept, only) = (true, support::option("--only"));
    for (name, attack) in attacks {
        if only.as_ref().is_none_or(|only| only == name || name == "quiet") {
            let (row, slowest) = bench.measure(name, attack);
            table.row(row);
            kept &= slowest <= PROMISED;
        }
    }
    table.print();
    bench.server.stop();
    assert!(kept, "a new client over TLS waited for longer than {PROMISED:?}");
}

struct Bench {
    server: Server,
    pair: Pair,
    tls: SocketAddr,
    https: SocketAddr,
    query: Vec<u8>,
}

impl Bench {
    fn start() -> Self {
        let pair = Pair::new();
        let [tls, https] =
            [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port"));
        let tables = format!(
            "tls_listen = \"{tls}\"\nhttps_listen = \"{https}\"\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
            pair.chain.display(),
            pair.key.display()
        );
        let start = Start { zone: ZONE, wrapper: &[], wildcard: false, probe: static_probe() };
        let server = Server::start_with(&start, &tables);
        Self { server, pair, tls, https, query: Ask::new("static.example.com", 1).bytes() }
    }

    /// Asks while an attack goes on, until it has done what it does or for so long.
    fn measure(&self, name: &str, attack: Attack) -> (Vec<String>, Duration) {
        let seconds = support::number("--seconds", 10);
        let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let began = Instant::now();
        let (done, udp, times) = std::thread::scope(|scope| {
            let attacking = scope.spawn(|| {
                priority::behind_answers();
                let mut done = attack(self, &stop);
                while !stop.load(Ordering::Relaxed) {
                    done += attack(self, &stop);
                }
                over.store(true, Ordering::Relaxed);
                done
            });
            let asking = scope.spawn(|| self.clients(&over));
            let stream = Stream::same("static", &Ask::new("static.example.com", 1));
            let mut udp = Outcome::default();
            while !over.load(Ordering::Relaxed) {
                let load = Load { sockets: 2, window: 64, rate: RATE, until: Until::Time(Duration::from_secs(1)) };
                udp = udp.and(load.run(self.server.address, &stream));
                // Those that have a number to do go on until it is done, and begin again if it was done before.
                stop.store(began.elapsed() >= Duration::from_secs(seconds), Ordering::Relaxed);
            }
            (attacking.join().expect("no panic"), udp, asking.join().expect("no panic"))
        });
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let ms = |time: Duration| match time {
            Duration::MAX => "failed".to_owned(),
            time => format!("{:.1}", time.as_secs_f64() * 1e3),
        };
        let row = vec![
            name.to_owned(),
            done.to_string(),
            began.elapsed().as_secs().to_string(),
            udp.answered.to_string(),
            udp.lost.to_string(),
            udp.percentile(0.5).to_string(),
            udp.percentile(0.99).to_string(),
            times.len().to_string(),
            ms(at(0.5)),
            ms(at(0.99)),
            ms(at(1.0)),
            format!("{:.0}", self.server.megabytes("VmRSS")),
        ];
        (row, at(1.0))
    }

    /// New clients one after the other, some 50 a second, at an address of their own; how long each took from connecting to
    /// its answer, sorted. Who fails has waited for ever.
    fn clients(&self, over: &AtomicBool) -> Vec<Duration> {
        // None has been here before: no session is taken up again.
        let mut config = (*self.pair.client(&["dot"])).clone();
        config.resumption = rustls::client::Resumption::disabled();
        let (config, mut times) = (Arc::new(config), Vec::new());
        while !over.load(Ordering::Relaxed) || times.is_empty() {
            let began = Instant::now();
            let asked = self.client(&config);
            if let Err(error) = &asked {
                println!("a client of DNS over TLS failed after {:?}: {error}", began.elapsed());
            }
            times.push(asked.map_or(Duration::MAX, |()| began.elapsed()));
            std::thread::sleep(Duration::from_millis(20));
        }
        times.sort_unstable();
        times
    }
}

impl Bench {
    fn client(&self, config: &Arc<rustls::ClientConfig>) -> io::Result<()> {
        let stream = bound_to(Ipv4Addr::new(127, 9, 0, 1), self.tls)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut stream = secure::try_secure(stream, config)?;
        stream.write_all(&secure::framed(&self.query))?;
        let mut reply = [0; 2];
        stream.read_exact(&mut reply)?;
        let mut reply = vec![0; usize::from(u16::from_be_bytes(reply))];
        stream.read_exact(&mut reply)?;
        let is_right = reply.windows(4).any(|octets| octets == [192, 0, 2, 1]);
        is_right.then_some(()).ok_or_else(|| io::Error::other("another answer"))
    }
}

fn wait(stop: &AtomicBool) -> u64 {
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(10));
    }
    0
}

/// Connects from one of a thousand addresses of this machine.
fn connect_from(number: usize, to: SocketAddr) -> io::Result<TcpStream> {
    let from = Ipv4Addr::new(127, 1, (number % 1_000 / 250) as u8, (number % 250) as u8 + 1);
    let stream = bound_to(from, to)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn bound_to(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&to.into())?;
    Ok(TcpStream::from(socket))
}

fn half_open(bench: &Bench, stop: &AtomicBool) -> u64 {
    let mut open: BTreeMap<usize, TcpStream> = BTreeMap::new();
    let mut opened = 0;
    while !stop.load(Ordering::Relaxed) {
        for number in 0..HALF_OPEN {
            let is_open = open.get(&number).is_some_and(|stream| {
                let mut stream = stream;
                matches!(stream.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            });
            if is_open {
                continue;
            }
            let Ok(mut stream) = connect_from(number, bench.tls) else { continue };
            // The head of a ClientHello, and nothing more.
            let _begun = stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
            opened += 1;
            open.insert(number, stream);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    opened
}

/// A body that begins and never ends.
struct Endless(Option<hyper::body::Bytes>);

impl hyper::body::Body for Endless {
    type Data = hyper::body::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Self::Data>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |octets| Poll::Ready(Some(Ok(hyper::body::Frame::data(octets)))))
    }
}

fn slow_bodies(bench: &Bench, stop: &AtomicBool) -> u64 {
    let sent = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let mut clients: Vec<Http2<Endless>> =
                        (0..SLOW / 8).map(|_| Http2::connect(bench.https, &bench.pair)).collect();
                    let mut all = Vec::new();
                    for client in &mut clients {
                        let body = || Endless(Some(hyper::body::Bytes::from_static(b"begun")));
                        all.extend((0..32).map(|_| client.sender.send_request(http2::post_of(body()))));
                    }
                    sent.fetch_add(all.len() as u64, Ordering::Relaxed);
                    for _ in 0..100 {
                        if !stop.load(Ordering::Relaxed) {
                            std::thread::sleep(Duration::from_millis(30));
                        }
                    }
                }
            });
        }
    });
    sent.into_inner()
}

fn rapid_reset(bench: &Bench, _stop: &AtomicBool) -> u64 {
    let mut sent = 0;
    while sent < RESETS {
        let mut client: Http2 = Http2::connect(bench.https, &bench.pair);
        let runtime = client.runtime.handle().clone();
        sent += runtime.block_on(async {
            let mut here = 0;
            while sent + here < RESETS && client.sender.ready().await.is_ok() {
                // Sent, and taken back at once.
                let mut request = std::pin::pin!(client.sender.send_request(http2::get(&bench.query)));
                let _begun = std::future::poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_ready())).await;
                tokio::task::yield_now().await;
                here += 1;
            }
            here.max(1)
        });
    }
    sent
}

/// A stream that breaks after so many octets written.
struct Cut {
    stream: TcpStream,
    left: usize,
    written: usize,
}

impl Read for Cut {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into)
    }
}

impl Write for Cut {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let length = octets.len().min(self.left);
        if length == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let written = self.stream.write(&octets[..length])?;
        (self.left, self.written) = (self.left - written, self.written + written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A handshake that is cut off after so many octets; gives how many the client has written.
fn cut_handshake(bench: &Bench, number: usize, left: usize) -> usize {
    let Ok(stream) = connect_from(number, bench.tls) else { return 0 };
    stream.set_nonblocking(false).expect("a socket of ours");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout above zero");
    let name = rustls::pki_types::ServerName::try_from(NAME).expect("a name");
    let mut client = rustls::ClientConnection::new(bench.pair.client(&["dot"]), name).expect("a client");
    let mut cut = Cut { stream, left, written: 0 };
    while client.is_handshaking() && client.complete_io(&mut cut).is_ok() {}
    // What is still in the client's hands.
    while client.wants_write() && client.write_tls(&mut cut).is_ok() {}
    cut.written
}

fn cut_handshakes(bench: &Bench, _stop: &AtomicBool) -> u64 {
    let octets = cut_handshake(bench, 0, usize::MAX);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < CUTS {
                    let number = next.load(Ordering::Relaxed) as usize;
                    cut_handshake(bench, number, number % octets + 1);
                }
            });
        }
    });
    CUTS
}
