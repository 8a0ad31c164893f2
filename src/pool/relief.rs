//! How a pool is relieved of clients when its load is large: the law of one step. Who takes the steps, and when, is the
//! writer's.
//!
//! A share acts on new answers only, and is seen in the load a TTL and two reports later. So nobody steers by the load
//! alone: what all clients would bring is reckoned as `load / share`, and the share is set where the line that was
//! asked for is met by that. If a part of the load cannot be moved, the next load tells so and the step after it goes
//! on in the same direction. In every case a larger share wants a larger share, never a smaller one, so shares walk to
//! their place from one side: nothing swings.
//!
//! Above its capacity a pool first turns away *guests*, the clients of sites that are gone, if each row that they come
//! from has another pool with room; else, and then, clients of its own. Either comes to rest just below the capacity. It
//! takes back in the other order: its own clients as soon as all of them would come to no more than 95 % of the capacity,
//! and a part of them, or guests, below nine tenths of it. Else nothing moves.

use super::Share;
use crate::health::{Load, Millis};
use crate::limits::PART_AVERAGE;

/// The largest part of all clients that one step moves.
pub const STEP: Share = Share::new(1_000);
/// The least that a pool keeps of guests: so their weights among several pools never vanish.
const GUESTS_LEAST: Share = Share::PERCENT;
/// A share that is so near to where it should be stays.
const NEAR: Share = Share::PERCENT;

/// What a pool does when its load is large, as configured.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Relief {
    /// Between these loads the share of clients that stay falls from all to nobody; the first is less than the second.
    pub shed: Option<(Load, Load)>,
    /// The load that it can take.
    pub capacity: Option<Load>,
}

/// Where a pool stands: what it keeps of clients, and of guests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The share of all clients on their way to it that stay.
    pub keep: Share,
    /// The part of its room that counts when guests are spread.
    pub guests: Share,
}

/// What the loads of a pool have come to, to be taken up again by the next run. All times are spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relieved {
    /// Where it stands.
    pub standing: Standing,
    /// Its weight where a row picks by load.
    pub part: u32,
    /// The last load that it had while it was live.
    pub last: Option<Load>,
    /// The same without guests, in steps.
    pub own: Option<Load>,
    /// Its load was known when it was looked at last.
    pub fresh: bool,
    /// Until it is looked at next, milliseconds.
    pub rests: Millis,
    /// How old all this is, milliseconds.
    pub age: Millis,
}

impl Relieved {
    /// The same within the bounds that the loop keeps, whoever wrote it.
    #[must_use]
    pub fn bounded(self) -> Self {
        let standing = Standing { guests: self.standing.guests.max(GUESTS_LEAST), ..self.standing };
        let part = self.part.clamp(PART_AVERAGE / 10, PART_AVERAGE * 10);
        let load = |load: Option<Load>| load.map(|load| load.min(Load::LARGEST));
        Self { standing, part, last: load(self.last), own: load(self.own), ..self }
    }
}

/// What one step is decided from.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// The pool's load; `None`: no fresh report.
    pub load: Option<Load>,
    /// Its load when there were no guests, as far as anybody knows.
    pub own: Load,
    /// Clients of sites that are gone are on their way to it.
    pub has_guests: bool,
    /// For every row whose guests it takes, one of the pools that share them with it has room.
    pub guests_can_go: bool,
    /// Another pool of one of its rows has room.
    pub others_have_room: bool,
}

impl Standing {
    /// Everybody stays.
    pub const FULL: Self = Self { keep: Share::FULL, guests: Share::FULL };

    /// One step on, at most [`STEP`] far in each share.
    #[must_use]
    pub fn step(self, relief: &Relief, situation: Situation) -> Self {
        let Some(load) = situation.load else {
            // Nobody knows: as if nothing had been said.
            return self.toward(Self::FULL);
        };
        let wanted = relief.capacity.map_or(Self::FULL, |capacity| self.below(capacity, load, situation));
        let shed = relief.shed.map_or(Share::FULL, |(from, at)| self.shed(from, at, load));
        self.toward(Self { keep: wanted.keep.min(shed), ..wanted })
    }

    fn toward(self, to: Self) -> Self {
        Self { keep: self.keep.toward(to.keep, STEP), guests: self.guests.toward(to.guests, STEP) }
    }

    /// Where load and share meet the line from all clients at `from` to nobody at `at`.
    fn shed(self, from: Load, at: Load, load: Load) -> Share {
        let all = all(load, self.keep);
        let (from, at) = (from.thousandths(), at.thousandths());
        let wanted = if all <= from { Share::FULL } else { Share::of(at, (at - from).saturating_add(all)) };
        let is_end = wanted == Share::FULL || load.thousandths() >= at;
        let wanted = if load.thousandths() >= at { wanted.min(self.keep.times_share(9_000)) } else { wanted };
        if is_end || wanted.apart(self.keep) > NEAR { wanted } else { self.keep }
    }

    fn below(self, capacity: Load, load: Load, situation: Situation) -> Self {
        let (full, load) = (capacity.thousandths(), load.thousandths());
        let guests = if situation.has_guests { self.guests } else { Share::FULL };
        let stays = Self { guests, ..self };
        if load > full {
            // Not further than it must: while other pools still send clients here, each step is a fall that they fill.
            let below = full / 40 * 39;
            if situation.guests_can_go && guests > GUESTS_LEAST {
                // Its own clients do not leave with its guests. No more than half of the load is taken for theirs: where
                // nobody knows better, guests and all may have been counted as its own.
                let fixed = situation.own.thousandths().min(load / 2);
                let fewer = scaled(guests, below.saturating_sub(fixed), load - fixed);
                return Self { guests: fewer.clamp(GUESTS_LEAST, guests), ..stays };
            }
            let fewer = scaled(self.keep, below, load);
            return if situation.others_have_room { Self { keep: fewer, ..stays } } else { stays };
        }
        let aim = full / 20 * 19;
        if self.keep < Share::FULL && all(Load::from_thousandths(load), self.keep) <= aim {
            return Self { keep: Share::FULL, ..stays };
        }
        if has_room(capacity, Load::from_thousandths(load)) {
            // One of a ten-thousandth would never grow.
            let more = |share: Share| scaled(share.max(Share::PERCENT), aim, load).max(share);
            return match self.keep < Share::FULL {
                true => Self { keep: more(self.keep), ..stays },
                false => Self { guests: more(guests), ..stays },
            };
        }
        stays
    }
}

/// True if a pool of this capacity can take more clients: its load is below nine tenths.
#[must_use]
pub const fn has_room(capacity: Load, load: Load) -> bool {
    load.thousandths() < capacity.thousandths() / 10 * 9
}

/// The share that brings `wanted` if this one brings `load`.
fn scaled(share: Share, wanted: u64, load: u64) -> Share {
    Share::new((u128::from(share.parts()) * u128::from(wanted) / u128::from(load.max(1))) as u64)
}

/// The load that all clients would bring, in thousandths.
fn all(load: Load, share: Share) -> u64 {
    let parts = u128::from(share.max(Share::PERCENT).parts());
    u64::try_from(u128::from(load.thousandths()) * u128::from(Share::PARTS) / parts).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(number: f64) -> Load {
        Load::new(number).expect("a load")
    }

    const ALONE: Situation = Situation {
        load: None,
        own: Load::from_thousandths(0),
        has_guests: false,
        guests_can_go: false,
        others_have_room: true,
    };

    #[test]
    fn shedding_comes_to_rest_on_the_line_from_one_side_in_steps_of_a_tenth() {
        let relief = Relief { shed: Some((load(800.0), load(1_000.0))), capacity: None };
        for fixed in [0.0, 300.0, 700.0] {
            let mut standing = Standing::FULL;
            let mut shares = vec![standing.keep];
            let seen = |share: Share| fixed + (1_000.0 - fixed) * share.percent() / 100.0;
            for _ in 0..60 {
                standing = standing.step(&relief, Situation { load: Some(load(seen(standing.keep))), ..ALONE });
                shares.push(standing.keep);
            }
            assert!(shares.windows(2).all(|pair| pair[1] <= pair[0] && pair[0].apart(pair[1]) <= STEP), "{shares:?}");
            let line = (1_000.0 - seen(standing.keep)) / 200.0 * 100.0;
            assert!((line - standing.keep.percent()).abs() < 12.0, "{fixed}: {line} and {}", standing.keep);
            for _ in 0..12 {
                standing = standing.step(&relief, Situation { load: Some(load(100.0)), ..ALONE });
            }
            assert_eq!(standing, Standing::FULL);
        }
    }

    #[test]
    fn guests_go_before_clients_of_its_own_and_come_back_after_them() {
        let relief = Relief { shed: None, capacity: Some(load(100.0)) };
        let at = |number| Situation {
            load: Some(load(number)),
            own: load(40.0),
            has_guests: true,
            guests_can_go: true,
            others_have_room: true,
        };
        let mut standing = Standing::FULL;
        let one = standing.step(&relief, at(120.0));
        assert_eq!((one.keep, one.guests), (Share::FULL, Share::new(9_000)));
        (0..40).for_each(|_| standing = standing.step(&relief, at(120.0)));
        assert!(standing.guests == GUESTS_LEAST && standing.keep < Share::FULL, "{standing:?}");
        assert_eq!(standing.step(&relief, at(95.0)), standing, "between nine tenths and all nothing moves");
        let back = standing.step(&relief, at(50.0));
        assert!(back.keep > standing.keep && back.guests == standing.guests);
        let stuck = Situation { guests_can_go: false, others_have_room: false, ..at(120.0) };
        assert_eq!(standing.step(&relief, stuck), standing, "nobody has room");
        let mut unknown = standing;
        (0..30).for_each(|_| unknown = unknown.step(&relief, Situation { load: None, ..stuck }));
        assert_eq!(unknown, Standing::FULL);
    }

    const BUSY: Situation = Situation {
        load: None,
        own: Load::from_thousandths(20_000),
        has_guests: true,
        guests_can_go: true,
        others_have_room: true,
    };
    /// A capacity of 100.
    const CAPACITY: Relief = Relief { shed: None, capacity: Some(Load::from_thousandths(100_000)) };

    fn at(standing: (u64, u64), number: f64, situation: Situation) -> (u16, u16) {
        let standing = Standing { keep: Share::new(standing.0), guests: Share::new(standing.1) };
        let next = standing.step(&CAPACITY, Situation { load: Some(load(number)), ..situation });
        (next.keep.parts(), next.guests.parts())
    }

    #[test]
    fn too_large_a_load_is_brought_just_below_the_capacity() {
        assert_eq!(at((10_000, 10_000), 102.0, ALONE), (9_558, 10_000));
        assert_eq!(at((10_000, 10_000), 200.0, ALONE), (9_000, 10_000), "a tenth at once");
        assert_eq!(at((4_000, 10_000), 100.0, ALONE), (4_000, 10_000), "all of it may be used");
        let stuck = Situation { others_have_room: false, ..ALONE };
        assert_eq!(at((4_000, 10_000), 102.0, stuck), (4_000, 10_000));
    }

    #[test]
    fn fewer_guests_are_reckoned_without_its_own_clients() {
        assert_eq!(at((10_000, 5_000), 104.0, BUSY), (10_000, 4_613));
        let own = Situation { own: load(90.0), ..BUSY };
        assert_eq!(at((10_000, 5_000), 104.0, own), (10_000, 4_375), "half of the load is theirs at least");
        assert_eq!(at((10_000, 500), 300.0, BUSY), (10_000, 138));
        assert_eq!(at((10_000, 110), 300.0, BUSY), (10_000, 100), "a percent stays");
        assert_eq!(at((10_000, 100), 104.0, BUSY), (9_375, 100), "then its own");
        let stay = Situation { guests_can_go: false, ..BUSY };
        assert_eq!(at((10_000, 5_000), 104.0, stay), (9_375, 5_000));
    }

    #[test]
    fn its_own_clients_come_back_whole_or_in_part_and_guests_last() {
        assert_eq!(at((9_500, 5_000), 90.25, BUSY), (10_000, 5_000), "all of them come to 95");
        assert_eq!(at((9_500, 5_000), 90.5, BUSY), (9_500, 5_000), "all of them come to more");
        assert_eq!(at((5_000, 5_000), 89.0, BUSY), (5_337, 5_000), "below nine tenths, some");
        assert_eq!(at((0, 5_000), 89.0, BUSY), (106, 5_000), "none grows to some");
        assert_eq!(at((10_000, 5_000), 90.0, BUSY), (10_000, 5_000), "nine tenths are no room");
        assert_eq!(at((10_000, 5_000), 89.0, BUSY), (10_000, 5_337));
        assert_eq!(at((10_000, 5_000), 95.0, ALONE), (10_000, 6_000), "without guests nothing is to be kept off");
    }

    #[test]
    fn the_smaller_of_two_shares_counts_and_a_near_one_is_left_alone() {
        let both = Relief { shed: Some((load(50.0), load(150.0))), ..CAPACITY };
        let alone = Relief { capacity: None, ..both };
        let step = |relief: &Relief, keep, number| {
            let standing = Standing { keep: Share::new(keep), ..Standing::FULL };
            standing.step(relief, Situation { load: Some(load(number)), ..ALONE }).keep.parts()
        };
        // All would bring 75: the capacity takes everybody, the line asks for 150 / (100 + 75).
        assert_eq!(step(&both, 9_000, 67.5), 8_571);
        assert_eq!(step(&both, 8_600, 64.5), 8_600, "less than a percent is no reason");
        let gentle = Relief { shed: Some((load(50.0), load(1_000.0))), ..CAPACITY };
        assert_eq!(step(&gentle, 9_000, 108.0), 8_125, "the line would take 9,346");
        assert_eq!(step(&alone, 1_000, 150.0), 900, "at the end a tenth of what is left, however little that moves");
    }
}
