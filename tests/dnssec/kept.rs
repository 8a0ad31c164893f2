//! Signatures outlive a restart.

use super::answers::{Server as Asked, query};
use super::kinds::by_number;
use super::{Algorithm, Key, Options, QUESTIONS, Role, SOURCES, Server, ZONE, make_keys, name, options};
use geosteer::dnssec::Signer;
use geosteer::events::Kind;
use geosteer::store::{keys_folder, write_key};
use hickory_proto::rr::{RData, Record};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn signer(server: &Server) -> Arc<Signer> {
    Arc::clone(server.state().snapshot.settings[0].signing.signer().unwrap())
}

fn file(state: &Path) -> PathBuf {
    state.join("signatures/example.com.signatures")
}

/// Asks every question, from every region, so often that every set of addresses has been answered; gives the RRSIG
/// records of the first answer to each.
fn ask_all(server: &Server) -> Vec<Vec<String>> {
    let mut asked = Asked::new(geosteer::state::State::clone(&server.state()));
    let mut all = Vec::new();
    for source in SOURCES {
        asked.source = format!("{source}:4242").parse().unwrap();
        for question in QUESTIONS.lines() {
            let (qname, qtype) = question.split_once(' ').unwrap();
            let message = query(&qname.replace('%', "label"), by_number(qtype)).dnssec_ok().udp_size(4096).build();
            let reply = asked.udp(&message);
            let signatures = reply.answer().into_iter().chain(reply.authority()).filter(|line| line.contains("RRSIG"));
            all.push(signatures.collect());
            (0..400)
                .filter(|_| ["many.example.com", "crowd.example.com", "www.example.com"].contains(&qname))
                .for_each(|_| {
                    asked.udp(&message);
                });
        }
    }
    all
}

/// The event of the signatures, if one comes within a while.
fn event(server: &Server) -> Option<String> {
    let mut last = server.events().follow();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let come = async {
            loop {
                let events = server.events().after(Some(0), usize::MAX);
                if let Some(event) = events.into_iter().find(|event| event.kind == Kind::Keys) {
                    return format!("{} {}: {}", event.subject, event.to, event.reason);
                }
                last.changed().await.unwrap();
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), come).await.ok()
    })
}

/// The key tag in an RRSIG record.
fn tag(record: &Record) -> Option<u16> {
    match &record.data {
        RData::Unknown { code, rdata } if u16::from(*code) == 46 => {
            Some(u16::from_be_bytes([rdata.anything[16], rdata.anything[17]]))
        }
        _ => None,
    }
}

#[test]
fn a_server_that_starts_again_makes_no_signature_anew() {
    let state = tempfile::tempdir().unwrap();
    // Signatures by this algorithm differ each time they are made.
    make_keys(state.path(), Algorithm::EcdsaP256Sha256, &[Role::Zone, Role::Entry]);
    let server = Server::start(options(state.path())).unwrap();
    let first = ask_all(&server);
    let (made, known) = (signer(&server).made(), signer(&server).len());
    assert!(made > 100 && made as usize == known, "{made} made, {known} known");
    server.stop();
    let server = Server::start(options(state.path())).unwrap();
    assert_eq!(signer(&server).len(), known);
    let second = ask_all(&server);
    // Which of several addresses come first is drawn; all that was signed before is what it was.
    let same = first.iter().zip(&second).filter(|(one, other)| one == other).count();
    assert!(same * 100 > first.len() * 80, "{same} of {} answers", first.len());
    assert_eq!((signer(&server).made(), signer(&server).len()), (0, known));
    // A server that has made none leaves the file as it is.
    let before = fs::metadata(file(state.path())).unwrap().modified().unwrap();
    server.stop();
    assert_eq!(fs::metadata(file(state.path())).unwrap().modified().unwrap(), before);
}

#[test]
fn a_file_of_signatures_that_is_broken_is_told_and_not_used() {
    let state = tempfile::tempdir().unwrap();
    make_keys(state.path(), Algorithm::EcdsaP256Sha256, &[Role::Entry]);
    Server::start(options(state.path())).unwrap().stop();
    let mut octets = fs::read(file(state.path())).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(file(state.path()), &octets).unwrap();
    let server = Server::start(options(state.path())).unwrap();
    assert!(signer(&server).made() > 20);
    let told = event(&server).unwrap();
    assert_eq!(told, "example.com. signatures made anew: the file is not as it was written");
    server.stop();
    // The next one finds a whole file again.
    let server = Server::start(options(state.path())).unwrap();
    assert_eq!(signer(&server).made(), 0);
}

#[test]
fn signatures_of_other_keys_are_made_anew_without_a_word() {
    let state = tempfile::tempdir().unwrap();
    make_keys(state.path(), Algorithm::EcdsaP256Sha256, &[Role::Entry]);
    Server::start(options(state.path())).unwrap().stop();
    fs::remove_dir_all(keys_folder(state.path())).unwrap();
    let key = Key::generate(Algorithm::EcdsaP256Sha256, Role::Entry).unwrap();
    write_key(&keys_folder(state.path()), &name("example.com"), &key).unwrap();
    let server = Server::start(options(state.path())).unwrap();
    assert!(signer(&server).made() > 20 && signer(&server).unbelieved().is_none());
    let reply = Asked::new(geosteer::state::State::clone(&server.state()))
        .udp(&query("static.example.com", "A").dnssec_ok().build());
    let tags: Vec<u16> = reply.message.answers.iter().filter_map(tag).collect();
    assert_eq!(tags, [key.tag()]);
}

/// Secondaries have the signatures that the serial stood for.
#[test]
fn the_serial_rises_if_a_start_has_to_make_signatures_anew_and_not_otherwise() {
    let state = tempfile::tempdir().unwrap();
    make_keys(state.path(), Algorithm::EcdsaP256Sha256, &[Role::Zone, Role::Entry]);
    let text = ZONE.replacen("[dnssec]", "transfer = { from = [\"127.0.0.0/8\"] }\n[dnssec]", 1);
    let serial = || {
        let for_text = Options::for_text("example.com", &text);
        let server = Server::start(Options { state: Some(state.path().to_owned()), ..for_text }).unwrap();
        let serial = server.state().identity.transfers.offers[0].as_ref().unwrap().edition.serial;
        let answers =
            Asked::new(geosteer::state::State::clone(&server.state())).udp(&query("example.com", "SOA").build());
        assert!(answers.answer()[0].contains(&format!(" {serial} ")), "{:?}", answers.answer());
        server.stop();
        serial
    };
    let first = serial();
    assert_eq!(serial(), first, "they were taken back");
    fs::remove_dir_all(state.path().join("signatures")).unwrap();
    assert_eq!(serial(), first.wrapping_add(1));
    assert_eq!(serial(), first.wrapping_add(1), "once");
}
