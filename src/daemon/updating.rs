//! Dynamic updates: kept in the state directory, put beside the zones at each load, and carried out by one thread, by the
//! same reload that files are read by. All or nothing: the reply comes when the change serves, or nothing has changed.
//!
//! While another server takes over, nothing is carried out: it has read what is kept, and what changes then would be lost.
//!
//! ```text
//! ticket ─► may he, is it so, what changes ─► updates.json ─► reload (all or nothing) ─► reply, signed
//! ```

use crate::clock;
use crate::control::{Handover, Reloads};
use crate::events::{Events, Kind};
use crate::faults;
use crate::limits::UPDATES_AT_ONCE;
use crate::priority;
use crate::publish::Published;
use crate::restart::{Part, Restarts};
use crate::snapshot::Spec;
use crate::state::State;
use crate::store::{Unread, Updated, read_updates, set_updates_aside, write_updates};
use crate::update::{Changed, Desk, Message, Refusal, Ticket, View, beside, change};
use crate::wire::code::rcode;
use crate::wire::{Name, Span};
use crate::zone::Record;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What updates have added, and where more are given.
#[derive(Debug)]
pub(super) struct Kept {
    /// The same, if it is ours to write.
    own: OnceLock<Option<PathBuf>>,
    updated: Mutex<Updated>,
    /// Who takes over has the directory.
    pub(super) over: Arc<Handover>,
    /// Where updates are given.
    pub(super) desk: Desk,
}

impl Kept {
    /// Goes on with what the last run left; gives what its thread receives too. What is not of ours is put aside and said.
    pub(super) fn new(folder: Option<PathBuf>, over: &Arc<Handover>) -> (Arc<Self>, Receiver<Ticket>) {
        let updated = folder.as_deref().and_then(|folder| read(folder).ok()).unwrap_or_default();
        let (desk, tickets) = Desk::new();
        let (own, updated, over) = (OnceLock::new(), Mutex::new(updated), Arc::clone(over));
        (Arc::new(Self { own, updated, over, desk }), tickets)
    }

    fn updated(&self) -> Updated {
        self.updated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the state directory, if it is ours to write, and reads what a server that we take over from may have kept
    /// meanwhile. True if that is something. A directory whose records the system does not give is not ours to write:
    /// the next update would take their place.
    pub(super) fn own(&self, own: Option<PathBuf>) -> bool {
        let read = own.as_deref().map(read);
        let own = own.filter(|_| !matches!(read, Some(Err(Unread::Kept(_)))));
        // Nobody else says it.
        let _said_before = self.own.set(own);
        let Some(Ok(read)) = read else { return false };
        let mut updated = self.updated.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = *updated != read;
        *updated = read;
        differs
    }

    fn replace(&self, updated: Updated) -> io::Result<()> {
        let folder = self.own.get().and_then(Option::as_deref);
        write_updates(folder.ok_or_else(|| io::Error::other("there is no state directory of ours"))?, &updated)?;
        *self.updated.lock().unwrap_or_else(PoisonError::into_inner) = updated;
        Ok(())
    }

    /// Puts the records of updates beside those of the zones' files. Gives those that are served, by zone, and what cannot
    /// be, a line each.
    pub(super) fn put_beside(&self, spec: &mut Spec) -> (Vec<Vec<Record>>, Vec<String>) {
        let (updated, mut warnings) = (self.updated(), Vec::new());
        let mut served = vec![Vec::new(); spec.zones.len()];
        for (index, zone) in spec.zones.iter_mut().enumerate() {
            let apex = zone.apex.to_lowercase();
            let Some(added) = updated.get(&*apex.to_string()).filter(|added| !added.is_empty()) else { continue };
            let names = spec.names.iter().filter(|name| name.zone.index() == index);
            let balanced: HashSet<Name> = names.map(|name| name.owner.to_lowercase()).collect();
            let (records, left) = beside(added, &zone.records, &balanced, &zone.update);
            if left > 0 {
                warnings.push(format!(
                    "{apex} {left} records of dynamic updates are not served: the zone's file has something else there, or no longer allows them"
                ));
            }
            zone.records.extend(records.iter().cloned());
            served[index] = records;
        }
        (served, warnings)
    }
}

/// Reads the records of updates, and says if that cannot be done. What is not of ours is put aside.
fn read(folder: &Path) -> Result<Updated, Unread> {
    read_updates(folder).inspect_err(|error| match error {
        Unread::Broken(_) => {
            tracing::error!(%error, "the records of dynamic updates cannot be read: they are not served, and updates.json is put aside");
            let _gone = set_updates_aside(folder);
        }
        Unread::Kept(_) => {
            tracing::error!(%error, "updates.json cannot be read: what it has is not served, and no update is carried out before the next start");
        }
    })
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Updater {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread knows.
struct Updating {
    kept: Arc<Kept>,
    published: Arc<Published>,
    reloads: Reloads,
    happened: Events,
}

/// How long the thread waits for a ticket before it looks whether it must end.
const LOOK: Duration = Duration::from_millis(100);

impl Updater {
    /// Starts it.
    pub(super) fn start(
        (kept, tickets): (Arc<Kept>, Receiver<Ticket>),
        published: &Arc<Published>,
        reloads: &Reloads,
        happened: &Events,
        restarts: &Restarts,
    ) -> io::Result<Self> {
        let (published, reloads, happened) = (Arc::clone(published), reloads.clone(), happened.clone());
        let (restarts, of_updates) = (restarts.clone(), reloads.clone());
        let updating = Updating { kept, published, reloads, happened };
        let (stop, stopped) = channel();
        let work = move || {
            while !matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected)) {
                faults::here(Part::Update);
                match tickets.recv_timeout(LOOK) {
                    Ok(first) => updating.carry_out(first, &tickets),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        let run = move || {
            priority::behind_answers();
            let mut has_panicked = false;
            restarts.keep(Part::Update, || {
                // An update may be kept and not in force: whoever sends it again must not be told that it is there.
                if std::mem::replace(&mut has_panicked, true) {
                    of_updates.order("the thread of dynamic updates was started again: what is kept is put in force");
                }
                work();
            });
        };
        let thread = thread::Builder::new().name("update".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Updater {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the hook.
            let _panicked = thread.join();
        }
    }
}

/// What an update has changed, for people.
struct Told {
    zone: String,
    key: String,
    what: String,
}

impl Updating {
    /// Carries an update out, and those that wait behind it: one reload serves them all.
    fn carry_out(&self, first: Ticket, tickets: &Receiver<Ticket>) {
        let state = self.published.load_full();
        let Some(_hold) = self.kept.over.hold() else {
            for ticket in std::iter::once(first).chain(tickets.try_iter().take(UPDATES_AT_ONCE)) {
                tracing::info!("an update is refused: another server takes over");
                self.answer(&state, ticket, rcode::SERVFAIL);
            }
            return;
        };
        let before = self.kept.updated();
        let (mut updated, mut changed, mut behind) = (before.clone(), Vec::new(), Vec::new());
        for ticket in std::iter::once(first).chain(tickets.try_iter().take(UPDATES_AT_ONCE)) {
            let rcode = match decide(&state, &mut updated, &ticket) {
                Ok(Some(told)) => {
                    changed.push((ticket, told));
                    continue;
                }
                Ok(None) => rcode::NOERROR,
                Err(Refusal { rcode, why }) => {
                    let key = ticket.update.session.key().name().to_string();
                    tracing::info!(key, source = %ticket.update.source, rcode, why, "an update is refused");
                    rcode
                }
            };
            // Behind a change that is not in force it was held against what may never be.
            if changed.is_empty() { self.answer(&state, ticket, rcode) } else { behind.push((ticket, rcode)) }
        }
        if changed.is_empty() {
            return;
        }
        let serves = match self.kept.replace(updated) {
            Ok(()) => self.reload(&changed, before),
            Err(error) => {
                tracing::error!(%error, "updates cannot be kept: they are refused");
                false
            }
        };
        for (ticket, told) in changed {
            if serves {
                tracing::info!(zone = told.zone, key = told.key, "updated: {}", told.what);
                self.happened.push(
                    Kind::Update,
                    &told.zone,
                    "",
                    "updated",
                    &format!("key {}: {}", told.key, told.what),
                );
            }
            behind.push((ticket, rcode::NOERROR));
        }
        for (ticket, rcode) in behind {
            self.answer(&state, ticket, if serves { rcode } else { rcode::SERVFAIL });
        }
    }

    /// Has what is kept now put in force; if that fails, all is kept as it was `before`. False if it does not serve, which
    /// may be only not yet: what new targets come to takes too long.
    fn reload(&self, changed: &[(Ticket, Told)], before: Updated) -> bool {
        let mut zones: Vec<&str> = changed.iter().map(|(_, told)| &*told.zone).collect();
        zones.dedup();
        let outcome = self.reloads.reload_blocking(format!("update of {}", zones.join(", ")));
        if let Ok(reloaded) = outcome {
            return reloaded.serves;
        }
        tracing::error!("an update is not carried out, since the reload was refused: nothing has changed");
        if let Err(error) = self.kept.replace(before) {
            tracing::error!(%error, "updates.json has an update that was not carried out");
        }
        false
    }

    fn answer(&self, state: &State, ticket: Ticket, rcode: u16) {
        state.identity.transfers.shared.counts.count_update(rcode);
        let Ticket { update, reply } = ticket;
        reply(update.answer(rcode, clock::unix_seconds()));
    }
}

/// What an update comes to, beside those before it; nothing if nothing changes.
fn decide(state: &State, updated: &mut Updated, ticket: &Ticket) -> Result<Option<Told>, Refusal> {
    let refuse = |rcode, why| Err(Refusal { rcode, why });
    let update = &ticket.update;
    let Some(message) = Message::read(&update.bytes) else { return refuse(rcode::FORMERR, "a malformed message") };
    let Some(zone) = state.snapshot.zones.zone_at(Span::new(message.zone.wire())) else {
        return refuse(rcode::NOTAUTH, "not the apex of a zone of ours");
    };
    if state.snapshot.is_locked(zone) {
        return refuse(rcode::SERVFAIL, "the zone's keys are missing");
    }
    let settings = &state.snapshot.settings[zone.index()];
    let grants = settings.update.of(update.source, update.session.key());
    if grants.clone().next().is_none() {
        return refuse(rcode::REFUSED, "the key may not change this zone");
    }
    let apex: Box<str> = message.zone.to_string().into();
    let added = updated.get(&apex).map_or(&[][..], Vec::as_slice);
    let view = View { snapshot: &state.snapshot, zone, served: state.identity.updates.served(zone), added };
    let Changed { records, added: new, taken } = change(&view, &message.zone, &message, grants)?;
    if (new, taken) == (0, 0) {
        return Ok(None);
    }
    let mut names: Vec<String> = message.updates.iter().map(|one| one.name.to_string()).collect();
    names.dedup();
    let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
    let what = format!("{new} records added, {taken} taken away ({}{more})", names[0]);
    updated.insert(apex.clone(), records);
    Ok(Some(Told { zone: apex.into(), key: update.session.key().name().to_string(), what }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, load_text};
    use crate::control::{ReloadOrder, Reloaded};
    use crate::geo::Databases;
    use crate::limits::UDP_REPLY_MAX;
    use crate::snapshot::Snapshot;
    use crate::tsig::{Algorithm, Key, Session};
    use crate::update::Update;

    const ZONE: &str = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n\
        update = [{ keys = [\"acme\"], names = [\"_acme-challenge.*\"], types = [\"TXT\"] }]\n";

    /// The RCODEs of three updates of one batch: one that changes something, the same again, and one that may not. `end`:
    /// how the reload ends, if anybody reloads.
    fn batch(end: Option<bool>) -> (Vec<u8>, bool) {
        batch_with(end, &Arc::default())
    }

    fn batch_with(end: Option<bool>, over: &Arc<Handover>) -> (Vec<u8>, bool) {
        let spec = load_text("zone.toml", ZONE, &Options::default())
            .unwrap_or_else(|report| panic!("{}", report.short()))
            .spec;
        let snapshot = Arc::new(Snapshot::build(spec, Arc::new(Databases::new(Vec::new()))).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let (kept, tickets) = Kept::new(Some(folder.path().to_owned()), over);
        kept.own(Some(folder.path().to_owned()));
        let (reloads, orders) = Reloads::new();
        let reloading = thread::spawn(move || {
            let Some((end, ReloadOrder::Reload { reply, .. })) = end.zip(orders.recv().ok()) else { return };
            reply(Arc::new(Ok(Reloaded { serves: end, ..Reloaded::default() })));
        });
        let published = Arc::new(Published::new(State::offline(snapshot, &[])));
        let updating = Updating { kept: Arc::clone(&kept), published, reloads, happened: Events::default() };
        let (replies, said) = channel();
        let mut all = ["_acme-challenge.www", "_acme-challenge.www", "www"]
            .map(|owner| {
                let replies = replies.clone();
                let reply = Box::new(move |reply: Vec<u8>| replies.send(reply[3] & 15).unwrap());
                Ticket { update: Box::new(update(owner, &kept.desk)), reply }
            })
            .into_iter();
        let first = all.next().unwrap();
        all.for_each(|Ticket { update, reply }| update.submit(0, reply));
        updating.carry_out(first, &tickets);
        drop((updating, replies));
        reloading.join().unwrap();
        let mut rcodes: Vec<u8> = said.iter().collect();
        rcodes.sort_unstable();
        (rcodes, !kept.updated().is_empty())
    }

    fn update(owner: &str, desk: &Desk) -> Update {
        let owner = Name::parse(&format!("{owner}.example.com")).unwrap();
        let mut bytes =
            b"\x12\x34\x28\x00\x00\x01\x00\x00\x00\x01\x00\x00\x07example\x03com\x00\x00\x06\x00\x01".to_vec();
        bytes.extend([owner.wire(), b"\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x06\x05token"].concat());
        let key = Arc::new(Key::new(&Name::parse("acme").unwrap(), Algorithm::Sha256, &[7; 32]).unwrap());
        let session = Session::request(&key, &mut [0; UDP_REPLY_MAX], 12, 0).1;
        Update { bytes, session, source: "192.0.2.7".parse().unwrap(), desk: desk.clone() }
    }

    #[test]
    fn nobody_behind_a_change_is_told_more_than_what_serves() {
        assert_eq!(batch(Some(true)), (vec![0, 0, 5], true));
        // Refused, and taken back: whoever was held against the change is held against nothing.
        assert_eq!(batch(None), (vec![2, 2, 2], false));
        assert_eq!(batch(Some(false)), (vec![2, 2, 2], true), "kept, and not in force as yet");
    }

    #[test]
    fn nothing_is_carried_out_while_another_server_takes_over() {
        let over = Arc::new(Handover::default());
        over.give_way();
        assert_eq!(batch_with(Some(true), &over), (vec![2, 2, 2], false));
    }

    #[test]
    fn records_that_the_system_does_not_give_stay_and_those_that_are_not_of_ours_are_put_aside() {
        let start = |folder: &Path| {
            let (kept, _tickets) = Kept::new(Some(folder.to_owned()), &Arc::default());
            assert!(!kept.own(Some(folder.to_owned())));
            kept.replace(Updated::new())
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("updates.json");
        std::fs::create_dir(&file).unwrap();
        assert!(start(folder.path()).is_err());
        assert!(file.is_dir() && !folder.path().join("updates.json.bad").exists());
        std::fs::remove_dir(&file).unwrap();
        std::fs::write(&file, "{}").unwrap();
        start(folder.path()).unwrap();
        assert_eq!(std::fs::read(folder.path().join("updates.json.bad")).unwrap(), b"{}");
        assert_eq!(read_updates(folder.path()).unwrap(), Updated::new());
    }
}
