//! The query path allocates nothing: a counting allocator sees every kind of answer.

mod answers;

use answers::{balanced_state, query, subnet};
use geosteer::cookies::Cookies;
use geosteer::health::Load;
use geosteer::id::EndpointId;
use geosteer::metrics::Metrics;
use geosteer::pool::{ALONE, Asker, Balance, Candidate, Picked, Table};
use geosteer::publish::Published;
use geosteer::query_log::{Filter, Format, Log, Output, Settings};
use geosteer::respond::{Request, Transport, Verdict, respond};
use geosteer::restart::Restarts;
use geosteer::rrl::{Limiter, Rules};
use geosteer::state::{Identity, State};
use geosteer::worker::{Draw, Worker};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "a global allocator cannot be written without")]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn no_answer_of_any_kind_allocates_after_the_first() {
    let text = "
        alias 300 CNAME deep
        deep 300 CNAME www
        @ 300 MX 10 ns1
        * 300 TXT wild
        d 300 DNAME other.test.
        sub 300 NS ns.sub
        ns.sub 300 A 192.0.2.9";
    let mut state = balanced_state(text, &["192.0.2.20"]);
    let mut messages = Vec::new();
    for name in ["www", "four", "dead", "x.img", "cdn", "many", "alias", "no.ns1", "wild", "x.d", "x.sub", "ns1"] {
        for qtype in ["A", "AAAA", "TXT", "ANY", "DS"] {
            let query = query(&format!("{name}.example.com"), qtype);
            messages.push(query.build());
            messages.push(query.clone().nsid().dnssec_ok().build());
            messages.push(query.clone().subnet(subnet("203.0.113.0/24")).build());
            messages.push(query.clone().subnet(subnet("2001:db8:ffff::/48")).build());
            messages.push(query.clone().option(10, &[7; 8]).build());
            messages.push(query.clone().option(10, &[7; 24]).build());
            messages.push(query.clone().class(3).build());
            messages.push(query.build()[..20].to_vec());
        }
    }
    assert_eq!(allocations(&state, &messages), 0, "allocations in the second round");
    // Nearly all of them are over their limits.
    let rules =
        Rules { per_second: [2, 2, 2, 2, 2, 0], exempt: vec!["192.0.2.0/24".parse().unwrap()], ..Rules::default() };
    let (limiter, cookies) = (Some(Limiter::new(rules, [u64::MAX; 4])), Some(Cookies::new(&[[7; 16]; 3], true, 0)));
    state.identity = Arc::new(Identity { limiter, cookies, ..Identity::default() });
    assert_eq!(allocations(&state, &messages), 0, "allocations of limited replies");
}

/// Allocations in the second of two rounds of messages over both transports.
fn allocations(state: &State, messages: &[Vec<u8>]) -> usize {
    let mut worker = Worker::new(1);
    let mut out = vec![0; 65_535];
    let mut counts = Vec::new();
    for _round in 0..2 {
        let before = COUNT.with(Cell::get);
        for bytes in messages {
            for transport in [Transport::Udp, Transport::Stream] {
                let source: std::net::SocketAddr = "198.51.100.9:53".parse().unwrap();
                respond(state, &mut worker, &Request { bytes, source: source.into(), transport }, &mut out);
            }
        }
        counts.push(COUNT.with(Cell::get) - before);
    }
    counts[1]
}

#[test]
fn neither_counting_nor_the_query_log_allocates_on_the_threads_that_answer() {
    let state = balanced_state("", &[]);
    let folder = tempfile::tempdir().unwrap();
    let published = Arc::new(Published::new(state.clone()));
    let filter = Filter {
        names: vec![geosteer::wire::Name::parse("example.com").unwrap()],
        rcodes: vec![0],
        ..Filter::default()
    };
    let output = Output::File(folder.path().join("queries.log"));
    let log =
        Log::start(Settings { output, format: Format::Json, sample: 1.0, filter }, published, &Restarts::default())
            .unwrap();
    let (recorders, metrics) = (log.recorders(), Metrics::default());
    let (mut recorder, counters) = (recorders.recorder(1), metrics.counters(Transport::Udp));
    let mut worker = Worker::new(1).counting_into(Arc::clone(&counters.ledger));
    let source: std::net::SocketAddr = "198.51.100.9:53".parse().unwrap();
    let (message, mut out) = (query("www.example.com", "A").build(), vec![0; 65_535]);
    let mut answer = |count: usize| {
        let before = COUNT.with(Cell::get);
        for _ in 0..count {
            let request = Request { bytes: &message, source: source.into(), transport: Transport::Udp };
            let Verdict::Send(length) = respond(&state, &mut worker, &request, &mut out) else { panic!("no answer") };
            recorder.answered(&worker, &request, &out, length);
        }
        COUNT.with(Cell::get) - before
    };
    answer(1);
    assert_eq!(answer(20_000), 0);
    drop(log);
    let told = recorders.told();
    assert_eq!((told.written + told.dropped, told.failed), (20_001, 0));
    assert!(told.written >= 4_096, "a ring is written at least: {told:?}");
    let sums = metrics.sums(&state.snapshot.counted);
    let answered = (0..sums.counted().len()).filter(|&index| sums.counted().is_of_answers(index));
    assert_eq!(answered.map(|index| sums.value(index)).sum::<u64>(), 20_001);
}

#[test]
fn no_pick_by_load_or_time_allocates() {
    let candidate = |index: usize| Candidate {
        endpoint: EndpointId::new(index),
        weight: 1 + index as u32 % 3,
        name: index as u64,
        domain: index as u16 % 4,
        load: Load::new((index * 7 % 10) as f64),
        time_us: Some(1_000 + index as u32 * 30),
    };
    let spread: Vec<Candidate> = (0..12).map(candidate).collect();
    let plain: Vec<Candidate> = spread.iter().map(|one| Candidate { domain: ALONE, ..*one }).collect();
    let (mut draw, mut picked) = (Draw::new(1), Picked::new());
    let asker = Asker { address: geosteer::address::Bits::v4(0), endpoint_bits: 24, pool_bits: 16, salt: 0 };
    for balance in [Balance::LeastConnections, Balance::LeastLoad, Balance::LeastResponseTime] {
        for (members, answers) in [(&plain, 1), (&plain, 5), (&spread, 3)] {
            let table = Table::new(balance, answers, members, members.len());
            let before = COUNT.with(Cell::get);
            for _ in 0..1_000 {
                picked = Picked::new();
                table.pick(asker, &mut 0, &mut draw, &mut picked);
            }
            assert_eq!(COUNT.with(Cell::get) - before, 0, "{balance:?}, {answers} answers");
            assert_eq!(picked.len(), usize::from(answers));
        }
    }
}
