//! What messages are sent to: a plain server, and one with everything that costs more.

use geosteer::config::{Options, load_text_alone};
use geosteer::cookies::Cookies;
use geosteer::dnssec::{Algorithm, Key, Role, Signer};
use geosteer::geo::Databases;
use geosteer::limits::STREAM_REPLY_MAX;
use geosteer::rrl::{Limiter, Rules};
use geosteer::snapshot::{Signing, Snapshot};
use geosteer::state::{Identity, State};
use geosteer::transfer::Transfers;
use geosteer::tsig::{self, Keys};
use geosteer::wire::Name;
use geosteer::worker::Worker;
use geosteer::writer::Writer;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// A zone with something of everything.
pub const ZONE: &str = r#"
zone = "example.com"
ns = ["ns1.example.com", "ns2.example.net"]
[records]
text = """
ns1 A 192.0.2.53
@ MX 10 mail
mail A 192.0.2.25
*.wild TXT any
alias CNAME mail
loop1 CNAME loop2
loop2 CNAME loop1
tree DNAME other.example.net.
sub NS ns.sub
ns.sub A 192.0.2.99
"""
[pools]
one = { check = "none", endpoints = ["192.0.2.1", "192.0.2.2", "2001:db8::1"] }
two = { check = "none", balance = "hash", endpoints = ["198.51.100.1", "198.51.100.2"] }
[regions]
europe = { continents = ["EU"] }
[names]
www = { policy = { europe = ["one"], default = ["two", "one"] } }
"#;

/// The signed server's time.
const NOW: u64 = 1_800_000_000;

/// Calls with each server, its worker, and room for a reply.
pub fn with_each(call: impl Fn(&State, &mut Worker, &mut [u8])) {
    thread_local! {
        static MINE: RefCell<([Worker; 2], Box<[u8]>)> =
            RefCell::new(([7, 8].map(Worker::new), vec![0; STREAM_REPLY_MAX].into()));
    }
    static STATES: OnceLock<[State; 2]> = OnceLock::new();
    let states = STATES.get_or_init(|| [state(false), state(true)]);
    MINE.with_borrow_mut(|(workers, out)| {
        states.iter().zip(workers).for_each(|(state, worker)| call(state, worker, out));
    });
}

/// A key that messages may be signed with.
fn keys() -> Keys {
    let name = Name::parse("fuzz").expect("a name");
    std::iter::once(tsig::Key::new(&name, tsig::Algorithm::Sha256, &[7; 32]).expect("a secret")).collect()
}

fn state(whole: bool) -> State {
    let mut spec = load_text_alone("fuzz.toml", ZONE, &Options::default()).expect("the zone is good").spec;
    let mut identity = Identity::default();
    if whole {
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).expect("the library makes keys");
        let zone = &mut spec.zones[0];
        zone.signing = Signing::On(Arc::new(Signer::new(&zone.apex, vec![key], NOW)));
        identity = Identity {
            nsid: Some("fuzz".into()),
            version: Some("fuzz".into()),
            cookies: Some(Cookies::new(&[[7; 16]], false, NOW)),
            limiter: Some(Limiter::new(Rules { table_size: 1 << 12, ..Rules::default() }, [1, 2, 3, 4])),
            transfers: Transfers { keys: keys(), ..Transfers::following(None, NOW) },
            ..Identity::default()
        };
    }
    let databases = Arc::new(Databases::embedded().expect("the embedded database"));
    let snapshot = Arc::new(Snapshot::build(spec, databases).expect("it compiles"));
    Writer::new(snapshot, Arc::new(identity), 1).publish().expect("a first state")
}
