//! A load generator: closed loop over UDP with a window of open queries a socket, or a fixed rate. A query's time begins
//! when the kernel hands it to the network and ends when the kernel has its answer, so that the way of this process,
//! which stands for clients elsewhere, through its own half of the kernel is not counted as the server's.

#![expect(clippy::disallowed_methods, reason = "a load generator measures time")]

use super::queries::Stream;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, TimestampingFlag, Timestamps, recvmsg, setsockopt, sockopt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A query without an answer for this long is lost.
const LOST: Duration = Duration::from_millis(500);

/// How hard and how long to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Sockets, each a flow of its own.
    pub(crate) sockets: usize,
    /// Open queries a socket.
    pub(crate) window: usize,
    /// Queries a second; 0: as fast as answers come.
    pub(crate) rate: f64,
    /// When to stop.
    pub(crate) until: Until,
}

/// When a load stops.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After so many answers.
    Answers(u64),
    /// After so long.
    Time(Duration),
}

impl Default for Load {
    fn default() -> Self {
        Self { sockets: 8, window: 16, rate: 0.0, until: Until::Time(Duration::from_secs(3)) }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Answers that fit an open query.
    pub(crate) answered: u64,
    /// Queries that were given up.
    pub(crate) lost: u64,
    /// Answers by RCODE.
    pub(crate) rcodes: [u64; 16],
    /// From the first query to the last answer.
    pub(crate) elapsed: Duration,
    /// Microseconds from query to answer, sorted.
    micros: Vec<u32>,
}

impl Outcome {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// Both together, one after the other.
    pub(crate) fn and(mut self, then: Self) -> Self {
        self.answered += then.answered;
        self.lost += then.lost;
        self.rcodes.iter_mut().zip(then.rcodes).for_each(|(sum, count)| *sum += count);
        self.elapsed += then.elapsed;
        self.micros.extend(then.micros);
        self.micros.sort_unstable();
        self
    }

    /// Microseconds within which `share` of the answers came.
    pub(crate) fn percentile(&self, share: f64) -> u32 {
        let last = self.micros.len().saturating_sub(1);
        self.micros.get((last as f64 * share) as usize).copied().unwrap_or(0)
    }
}

/// The load stands for clients on other machines: while it lasts, the server's threads do not make it wait, or its
/// own waiting would be counted as theirs. Needs rights; without them nothing changes.
pub(crate) struct First(i32);

impl First {
    pub(crate) fn now() -> Self {
        let before = rustix::process::getpriority_process(None).unwrap_or(0);
        let _without_rights = rustix::process::setpriority_process(None, -20);
        Self(before)
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let _nothing_to_do = rustix::process::setpriority_process(None, self.0);
    }
}

struct Flow {
    socket: UdpSocket,
    /// When each query was sent, since 1970: the clock of the kernel's stamps.
    open: Vec<Option<Duration>>,
    free: Vec<u16>,
}

impl Load {
    /// Puts the load on `server`; the local side is on the same address family's loopback.
    pub(crate) fn run(&self, server: SocketAddr, stream: &Stream) -> Outcome {
        let _first = First::now();
        let mut flows: Vec<Flow> = (0..self.sockets).map(|_| Flow::open(server, self.window)).collect();
        let mut outcome = Outcome::default();
        let (start, mut sent, mut swept) = (Instant::now(), 0u64, Instant::now());
        loop {
            let mut idle = true;
            for flow in &mut flows {
                let room = self.room(start.elapsed(), sent, flow.free.len());
                sent += flow.send(room, stream, sent);
                idle &= flow.receive(&mut outcome) == 0;
            }
            let now = Instant::now();
            if self.over(now - start, outcome.answered) {
                break;
            }
            if now - swept > LOST / 5 {
                swept = now;
                outcome.lost += flows.iter_mut().map(Flow::sweep).sum::<u64>();
            }
            if idle {
                self.wait(&flows, start.elapsed(), sent);
            }
        }
        outcome.elapsed = start.elapsed();
        outcome.micros.sort_unstable();
        outcome
    }

    /// At a fixed rate: sleeps until the next query is due or an answer is there, and leaves the core to others.
    fn wait(&self, flows: &[Flow], elapsed: Duration, sent: u64) {
        if self.rate == 0.0 {
            return std::thread::yield_now();
        }
        let due = Duration::from_secs_f64((sent + 1) as f64 / self.rate).saturating_sub(elapsed);
        let due = Timespec { tv_sec: 0, tv_nsec: due.min(LOST).as_nanos() as i64 };
        let mut sockets: Vec<_> = flows.iter().map(|flow| PollFd::new(&flow.socket, PollFlags::IN)).collect();
        let _woken = poll(&mut sockets, Some(&due));
    }

    fn room(&self, elapsed: Duration, sent: u64, free: usize) -> usize {
        let due = if self.rate > 0.0 { (self.rate * elapsed.as_secs_f64()) as u64 } else { u64::MAX };
        free.min(usize::try_from(due.saturating_sub(sent)).unwrap_or(usize::MAX))
    }

    fn over(&self, elapsed: Duration, answered: u64) -> bool {
        match self.until {
            Until::Answers(count) => answered >= count || elapsed > Duration::from_secs(600),
            Until::Time(time) => elapsed >= time,
        }
    }
}

impl Flow {
    fn open(server: SocketAddr, window: usize) -> Self {
        let any: SocketAddr =
            if server.is_ipv4() { ([127, 0, 0, 1], 0).into() } else { (std::net::Ipv6Addr::LOCALHOST, 0).into() };
        let socket = UdpSocket::bind(any).expect("a socket on loopback");
        socket.connect(server).expect("a route to the server");
        socket.set_nonblocking(true).expect("sockets can be non-blocking");
        setsockopt(&socket, sockopt::Timestamping, &stamps()).expect("the kernel stamps what it sends and gets");
        let window = u16::try_from(window).expect("windows are small");
        Self { socket, open: vec![None; usize::from(window)], free: (0..window).collect() }
    }

    fn send(&mut self, room: usize, stream: &Stream, sent: u64) -> u64 {
        let mut message = [0; 512];
        for count in 0..room as u64 {
            let query = &stream.messages[(sent + count) as usize % stream.messages.len()];
            let id = *self.free.last().expect("room counts the free ids");
            message[..query.len()].copy_from_slice(query);
            message[..2].copy_from_slice(&id.to_be_bytes());
            if self.socket.send(&message[..query.len()]).is_err() {
                return count;
            }
            self.free.pop();
            self.open[usize::from(id)] = Some(self.went());
        }
        room as u64
    }

    fn receive(&mut self, outcome: &mut Outcome) -> usize {
        let (mut reply, mut stamp) = ([0; 4096], nix::cmsg_space!(Timestamps));
        let mut count = 0;
        while let Some((length, came)) = self.next(&mut reply, &mut stamp) {
            let id = u16::from_be_bytes([reply[0], reply[1]]);
            let Some(asked) = self.open.get_mut(usize::from(id)).and_then(Option::take) else { continue };
            assert!(length >= 12, "a reply has a header");
            self.free.push(id);
            outcome.answered += 1;
            outcome.rcodes[usize::from(reply[3] & 15)] += 1;
            outcome.micros.push(came.saturating_sub(asked).as_micros().try_into().unwrap_or(u32::MAX));
            count += 1;
        }
        count
    }

    /// The next reply's length, and when the kernel got it.
    fn next(&self, reply: &mut [u8], stamp: &mut [u8]) -> Option<(usize, Duration)> {
        self.stamped(reply, stamp, MsgFlags::MSG_DONTWAIT)
    }

    /// When the query that was just sent was put on the network: its stamp is there as soon as it is sent.
    fn went(&self) -> Duration {
        let mut stamp = nix::cmsg_space!(Timestamps, [u8; 64]);
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_ERRQUEUE;
        self.stamped(&mut [], &mut stamp, flags).map_or_else(since_1970, |stamp| stamp.1)
    }

    fn stamped(&self, text: &mut [u8], stamp: &mut [u8], flags: MsgFlags) -> Option<(usize, Duration)> {
        let mut parts = [IoSliceMut::new(text)];
        let message = recvmsg::<()>(self.socket.as_raw_fd(), &mut parts, Some(stamp), flags).ok()?;
        let time = message.cmsgs().ok()?.find_map(|part| match part {
            ControlMessageOwned::ScmTimestampsns(times) => Some(Duration::from(times.system)),
            _ => None,
        });
        // What comes of a query to a port that nobody has any more bears no stamp.
        Some((message.bytes, time.unwrap_or_else(since_1970)))
    }

    fn sweep(&mut self) -> u64 {
        let (now, mut lost) = (since_1970(), 0);
        for (id, open) in self.open.iter_mut().enumerate() {
            if open.is_some_and(|asked| now.saturating_sub(asked) > LOST) {
                *open = None;
                self.free.push(id as u16);
                lost += 1;
            }
        }
        lost
    }
}

/// Both ways, by the kernel's clock, without the query's own text on its way out.
fn stamps() -> TimestampingFlag {
    let ways = TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE;
    ways | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_OPT_TSONLY
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set")
}
