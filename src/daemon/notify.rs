//! Tells secondaries that a zone has changed (RFC 1996): at the start, and after each change of its serial; over UDP,
//! with pauses that double, until they answer or too many tries are over.

use crate::clock;
use crate::events::{Events, Kind};
use crate::faults;
use crate::limits::{NOTIFY_AT_ONCE, NOTIFY_LOOK_MS, NOTIFY_PAUSE_MS, NOTIFY_TRIES, UDP_REPLY_MAX};
use crate::priority;
use crate::publish::Published;
use crate::restart::{Part, Restarts};
use crate::state::State;
use crate::transfer::{Edition, Notify, Shared};
use crate::tsig::{Key, Session};
use crate::wire::code::{class, opcode, rtype};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Teller {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    /// Starts it. `listening`: where the server is asked; what it tells comes from there if that is one address.
    pub(super) fn start(
        published: &Arc<Published>,
        happened: &Events,
        listening: &[SocketAddr],
        restarts: &Restarts,
    ) -> io::Result<Self> {
        let (published, happened) = (Arc::clone(published), happened.clone());
        let from = |is_of: fn(&SocketAddr) -> bool, any: IpAddr| {
            let own = listening.iter().find(|address| is_of(address) && !address.ip().is_unspecified());
            SocketAddr::new(own.map_or(any, SocketAddr::ip), 0)
        };
        let from = [
            from(SocketAddr::is_ipv4, Ipv4Addr::UNSPECIFIED.into()),
            from(SocketAddr::is_ipv6, Ipv6Addr::UNSPECIFIED.into()),
        ];
        let mut telling = Telling {
            published,
            happened,
            from,
            generation: 0,
            told: HashMap::new(),
            waiting: VecDeque::new(),
            open: Vec::new(),
        };
        let (stop, stopped) = channel();
        let restarts = restarts.clone();
        let run = move || {
            priority::behind_answers();
            restarts.keep(Part::Notify, || telling.run(&stopped));
        };
        let thread = thread::Builder::new().name("notify".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

/// Whom: a zone's apex and a secondary.
type Whom = (Box<[u8]>, Notify);

/// What the thread knows.
struct Telling {
    published: Arc<Published>,
    happened: Events,
    /// Where messages come from, by family.
    from: [SocketAddr; 2],
    generation: u64,
    /// What was told last, or will be.
    told: HashMap<Whom, u32>,
    waiting: VecDeque<News>,
    open: Vec<Asked>,
}

/// Something to be told.
struct News {
    whom: Whom,
    edition: Arc<Edition>,
    key: Option<Arc<Key>>,
    shared: Arc<Shared>,
    tries: u32,
}

/// Something that was told and not answered yet.
struct Asked {
    news: News,
    socket: UdpSocket,
    id: u16,
    session: Option<Session>,
    /// When it is told again.
    due: u64,
}

/// What an answer says.
enum Answer {
    /// It has heard.
    Heard,
    /// It does not want to.
    Refused(u8),
}

impl Telling {
    fn run(&mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(Duration::from_millis(NOTIFY_LOOK_MS)) == Err(RecvTimeoutError::Timeout) {
            faults::here(Part::Notify);
            let state = self.published.load_full();
            if state.generation != self.generation {
                self.generation = state.generation;
                self.collect(&state);
            }
            drop(state);
            self.hear();
            while self.open.len() < NOTIFY_AT_ONCE
                && let Some(news) = self.waiting.pop_front()
            {
                self.tell(news);
            }
        }
    }

    /// Notes who is to be told what.
    fn collect(&mut self, state: &State) {
        let transfers = &state.identity.transfers;
        let mut told = HashMap::new();
        for offer in transfers.offers.iter().flatten() {
            for secondary in &offer.rules.notify {
                let whom = (offer.edition.apex.clone(), secondary.clone());
                let serial = offer.edition.serial;
                if self.told.get(&whom) != Some(&serial) {
                    self.waiting.retain(|news| news.whom != whom);
                    self.open.retain(|asked| asked.news.whom != whom);
                    let key = secondary.key.as_ref().and_then(|key| transfers.keys.find(key.wire())).cloned();
                    let (edition, shared) = (Arc::clone(&offer.edition), Arc::clone(&transfers.shared));
                    self.waiting.push_back(News { whom: whom.clone(), edition, key, shared, tries: 0 });
                }
                told.insert(whom, serial);
            }
        }
        // Who is a secondary no more is not told any longer.
        self.waiting.retain(|news| told.contains_key(&news.whom));
        self.open.retain(|asked| told.contains_key(&asked.news.whom));
        self.told = told;
    }

    /// Tells once.
    fn tell(&mut self, mut news: News) {
        news.tries += 1;
        let address = news.whom.1.address;
        let sent = UdpSocket::bind(self.from[usize::from(address.is_ipv6())]).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.connect(address)?;
            let id = random_id();
            let (message, session) = message(&news, id);
            // An error that ICMP brought for an earlier try is one of the other side: it is tried again.
            let _not_heard = socket.send(&message);
            Ok((socket, id, session))
        });
        let due = clock::millis() + (NOTIFY_PAUSE_MS << (news.tries - 1));
        match sent {
            Ok((socket, id, session)) => self.open.push(Asked { news, socket, id, session, due }),
            Err(error) => self.give_up(&news, &format!("cannot be reached: {error}")),
        }
    }

    /// Looks who has answered, and tells those again whose time is over.
    fn hear(&mut self) {
        let now = clock::millis();
        for mut asked in std::mem::take(&mut self.open) {
            match asked.answer() {
                Some(Answer::Heard) => {
                    asked.news.shared.counts.count_notified(true);
                    let (zone, serial) = (name(&asked.news.edition.apex), asked.news.edition.serial);
                    tracing::info!(zone, serial, secondary = %asked.news.whom.1.address, "told of the change");
                }
                Some(Answer::Refused(rcode)) => {
                    self.give_up(&asked.news, &format!("does not take it (RCODE {rcode})"));
                }
                None if asked.due > now => self.open.push(asked),
                None if asked.news.tries >= NOTIFY_TRIES => {
                    self.give_up(&asked.news, &format!("did not answer {NOTIFY_TRIES} times"));
                }
                None => self.tell(asked.news),
            }
        }
    }

    fn give_up(&self, news: &News, why: &str) {
        news.shared.counts.count_notified(false);
        let (zone, address) = (name(&news.edition.apex), news.whom.1.address);
        let why = format!("{address} {why}: it learns of serial {} when it asks by itself", news.edition.serial);
        tracing::warn!(zone, "{why}");
        self.happened.push(Kind::Notify, &zone, "", "not told", &why);
    }
}

impl Asked {
    /// The answer, if it has come.
    fn answer(&mut self) -> Option<Answer> {
        let mut room = [0; UDP_REPLY_MAX];
        while let Ok(length) = self.socket.recv(&mut room) {
            let reply = &room[..length];
            let Some(&[high, low, flags, code, ..]) = reply.first_chunk::<12>() else { continue };
            let is_answer = u16::from_be_bytes([high, low]) == self.id && flags & 0xf8 == 0x80 | opcode::NOTIFY << 3;
            let now = self.news.shared.now();
            if is_answer && self.session.as_mut().is_none_or(|session| session.verify(reply, now)) {
                let rcode = code & 0xf;
                return Some(if rcode == 0 { Answer::Heard } else { Answer::Refused(rcode) });
            }
        }
        None
    }
}

/// The message (RFC 1996 §3), and what verifies its answer.
fn message(news: &News, id: u16) -> (Vec<u8>, Option<Session>) {
    let mut out = id.to_be_bytes().to_vec();
    // AA; one question, one answer.
    out.extend_from_slice(&[opcode::NOTIFY << 3 | 4, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    out.extend_from_slice(&news.edition.apex);
    out.extend_from_slice(&rtype::SOA.to_be_bytes());
    out.extend_from_slice(&class::IN.to_be_bytes());
    let [soa, _] = news.edition.records();
    for record in soa.iter() {
        out.extend_from_slice(&[0xc0, 12]);
        out.extend_from_slice(record.fixed);
        out.extend_from_slice(record.rdata);
    }
    let Some(key) = &news.key else { return (out, None) };
    let length = out.len();
    out.resize(length + 1_024, 0);
    let (length, session) = Session::request(key, &mut out, length, clock::unix_seconds());
    out.truncate(length);
    (out, Some(session))
}

fn name(apex: &[u8]) -> String {
    crate::wire::Name::from_wire(apex).map_or_else(|_| String::new(), |name| name.to_string())
}

/// Nobody who does not see the message can answer it.
fn random_id() -> u16 {
    super::seed() as u16
}
