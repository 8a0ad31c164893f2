//! From one key to the next (RFC 6781 §4.1): a key that signs records is published before it signs; of a key that the
//! parent vouches for the parent is told before the zone has it (double DS), and then goes the same way. How far it has
//! come follows from the keys' times alone.

use super::key::{Key, Role};
use super::times::Phase;
use crate::limits::{DNSKEY_TTL_S, RENEW_LOOK_S};

/// A key that goes and the key that comes in its place.
#[derive(Clone, Copy, Debug)]
pub struct Rollover<'k> {
    /// The one that goes.
    pub old: &'k Key,
    /// The one that comes.
    pub new: &'k Key,
    /// What comes next.
    pub next: Step,
}

/// A step, and what must have been so for long enough before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The zone gets the new key: the parent has the DS records of both.
    Publish,
    /// The new key signs in place of the old one: the zone has had it, on all name servers.
    Activate,
    /// The old key signs no longer: the new one does, but taking the step before was cut off between the two.
    Retire,
    /// The zone loses the old key: nobody remembers a signature of it.
    Remove,
}

/// How long what others remember is remembered, seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memories {
    /// The TTL of the DS records at the parent.
    pub ds: u64,
    /// The largest TTL of the zone.
    pub zone: u64,
}

/// The rollovers of a zone's keys: at most one a role.
#[must_use]
pub fn rollovers(keys: &[Key], now: u64) -> Vec<Rollover<'_>> {
    [Role::Zone, Role::Entry].into_iter().filter_map(|role| of_role(keys, role, now)).collect()
}

fn of_role(keys: &[Key], role: Role, now: u64) -> Option<Rollover<'_>> {
    let find =
        |phases: &[Phase]| keys.iter().find(|key| key.role() == role && phases.contains(&key.times().phase(now)));
    if let Some((old, new)) = half_activated(keys, role, now) {
        return Some(Rollover { old, new, next: Step::Retire });
    }
    let active = find(&[Phase::Active])?;
    if let Some(new) = find(&[Phase::Announced]) {
        return Some(Rollover { old: active, new, next: Step::Publish });
    }
    if let Some(new) = find(&[Phase::Published]) {
        return Some(Rollover { old: active, new, next: Step::Activate });
    }
    find(&[Phase::Retired]).map(|old| Rollover { old, new: active, next: Step::Remove })
}

/// Two keys that sign, the later one come by a rollover: it was written that it signs, and of the earlier one nothing yet.
/// Keys of different algorithms sign side by side, and so do those that were never rolled.
fn half_activated(keys: &[Key], role: Role, now: u64) -> Option<(&Key, &Key)> {
    let active = || keys.iter().filter(|key| key.role() == role && key.times().phase(now) == Phase::Active);
    let came = |key: &&Key| (key.times().activated, key.times().published, key.times().created);
    let new = active().filter(|key| key.times().published.is_some()).max_by_key(came)?;
    let is_older = |key: &&Key| key.algorithm() == new.algorithm() && key.tag() != new.tag();
    active().find(is_older).map(|old| (old, new))
}

impl Rollover<'_> {
    /// From when the next step is safe, seconds since 1970.
    #[must_use]
    pub fn safe_at(&self, memories: Memories, now: u64) -> u64 {
        // Each name server looks at its keys once in a while.
        let seen = 2 * RENEW_LOOK_S;
        let (since, remembered) = match self.next {
            Step::Publish => (self.new.times().since(now), memories.ds),
            Step::Activate => (self.new.times().since(now), u64::from(DNSKEY_TTL_S)),
            // It was safe before the half of it that is done.
            Step::Retire => return self.new.times().since(now).unwrap_or(now),
            Step::Remove => (self.old.times().since(now), memories.zone),
        };
        since.unwrap_or(now) + remembered + seen
    }

    /// The phase that each of the two keys comes into by the next step; `None`: it stays.
    #[must_use]
    pub const fn phases(&self) -> (Option<Phase>, Option<Phase>) {
        match self.next {
            Step::Publish => (None, Some(Phase::Published)),
            Step::Activate => (Some(Phase::Retired), Some(Phase::Active)),
            Step::Retire => (Some(Phase::Retired), None),
            Step::Remove => (Some(Phase::Removed), None),
        }
    }
}

/// The phase in which a new key of this role begins.
#[must_use]
pub const fn beginning(role: Role) -> Phase {
    match role {
        Role::Zone => Phase::Published,
        Role::Entry => Phase::Announced,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, Times};
    use super::*;

    const MEMORIES: Memories = Memories { ds: 86_400, zone: 7_200 };

    fn key(role: Role) -> Key {
        Key::generate(Algorithm::Ed25519, role).unwrap()
    }

    /// Goes all steps, each when it is safe; gives the times and what the keys did.
    fn walked(role: Role) -> Vec<(u64, Phase, Phase)> {
        let mut now = 1_000_000;
        let first = Times::default().become_now(beginning(role), now);
        let mut keys = vec![key(role), key(role).with_times(first)];
        let mut seen = Vec::new();
        while let [rollover] = rollovers(&keys, now)[..] {
            let safe = rollover.safe_at(MEMORIES, now);
            assert!(safe > now);
            assert_eq!(rollovers(&keys, safe)[0].next, rollover.next, "nothing happens by itself");
            let (old, new) = rollover.phases();
            let tag = rollover.old.tag();
            let waited = safe - now;
            now = safe;
            keys = keys
                .into_iter()
                .map(|key| {
                    let phase = if key.tag() == tag { old } else { new };
                    let times = phase.map_or(*key.times(), |phase| key.times().become_now(phase, now));
                    key.with_times(times)
                })
                .collect();
            let phases = [0, 1].map(|index: usize| keys[index].times().phase(now));
            seen.push((waited, phases[0], phases[1]));
        }
        seen
    }

    #[test]
    fn a_key_of_records_is_published_before_it_signs_and_stays_until_it_is_forgotten() {
        assert_eq!(
            walked(Role::Zone),
            [(3_600 + 120, Phase::Retired, Phase::Active), (7_200 + 120, Phase::Removed, Phase::Active)]
        );
    }

    #[test]
    fn of_a_key_of_the_entry_the_parent_is_told_first() {
        assert_eq!(
            walked(Role::Entry),
            [
                (86_400 + 120, Phase::Active, Phase::Published),
                (3_600 + 120, Phase::Retired, Phase::Active),
                (7_200 + 120, Phase::Removed, Phase::Active)
            ]
        );
    }

    /// The times of both keys when one of the two writes of that step is missing.
    #[test]
    fn a_key_that_still_signs_beside_its_successor_is_retired_by_the_next_step() {
        let (now, later) = (1_000_000, 1_010_000);
        let new = Times::default().become_now(Phase::Published, now).become_now(Phase::Active, later);
        let before = Times { created: Some(1), ..Times::default() };
        let rolled = Times::default().become_now(Phase::Published, 10).become_now(Phase::Active, 20);
        for (role, old) in [(Role::Zone, before), (Role::Entry, rolled), (Role::Entry, before)] {
            for keys in [[old, new], [new, old]].map(|times| times.map(|times| key(role).with_times(times))) {
                let [rollover] = rollovers(&keys, later)[..] else { panic!("{keys:?}") };
                assert_eq!((*rollover.old.times(), *rollover.new.times()), (old, new));
                assert_eq!((rollover.next, rollover.safe_at(MEMORIES, later)), (Step::Retire, later));
                assert_eq!(rollover.phases(), (Some(Phase::Retired), None));
            }
        }
        let beside = [(Algorithm::EcdsaP256Sha256, before), (Algorithm::Ed25519, new)];
        let beside = beside.map(|(of, times)| Key::generate(of, Role::Entry).unwrap().with_times(times));
        assert!(rollovers(&beside, later).is_empty(), "another algorithm");
        let never = [before, before].map(|times| key(Role::Entry).with_times(times));
        assert!(rollovers(&never, later).is_empty(), "never rolled");
    }
}
