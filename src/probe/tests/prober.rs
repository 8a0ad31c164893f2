//! The prober's loop, against real ports.

use super::*;
use std::sync::mpsc::{Receiver, channel};

/// Waits for the next outcome of the prober.
fn next(events: &Receiver<Event>) -> (u64, usize, Outcome) {
    match events.recv_timeout(LONG).expect("an outcome in time") {
        Event::Probed { generation, target, outcome, .. } => (generation, target.index(), outcome),
        other => panic!("{other:?}"),
    }
}

/// A plain listener whose backlog accepts connections without anybody's help.
fn open_port() -> (std::net::TcpListener, u16) {
    let listener = std::net::TcpListener::bind((LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn the_prober_runs_every_check_once_at_once_and_then_again() {
    let (_kept, open) = open_port();
    let (sender, events) = channel();
    let prober = Prober::start(1, sender).unwrap();
    let tcp = |port| job(tcp(port), 1_000);
    prober.adopt_jobs(5, vec![tcp(open), job(CheckKind::None, 1_000)]);
    assert_eq!(next(&events), (5, 0, Outcome::Pass));
    assert_eq!(next(&events), (5, 0, Outcome::Pass));
    drop(prober);
    assert!(events.recv_timeout(LONG).is_err(), "the sender is gone with the prober");
}

#[test]
fn what_a_new_configuration_shares_with_the_old_keeps_its_phase_and_the_rest_is_probed_at_once() {
    let ((_a, first), (_b, second)) = (open_port(), open_port());
    let (sender, events) = channel();
    let prober = Prober::start(1, sender).unwrap();
    let slow = |port| {
        let timing = Timing { interval_ms: 3_600_000, ..timing(20_000) };
        let check = Check { name: "slow".into(), kind: tcp(port), timing, voting: Voting::default() };
        Job { address: TargetAddress::Ip(LOCALHOST), check: Arc::new(check) }
    };
    prober.adopt_jobs(1, vec![slow(first)]);
    assert_eq!(next(&events), (1, 0, Outcome::Pass));
    // The known target has another place now; only the new one is probed.
    prober.adopt_jobs(2, vec![slow(second), slow(first)]);
    assert_eq!(next(&events), (2, 0, Outcome::Pass));
    // Once forgotten, it is new again.
    prober.adopt_jobs(3, vec![slow(second)]);
    prober.adopt_jobs(4, vec![slow(second), slow(first)]);
    assert_eq!(next(&events), (4, 1, Outcome::Pass));
    assert!(events.try_recv().is_err(), "nothing else was probed");
    assert_eq!(prober.stats().ended(Outcome::Pass), 3);
}
