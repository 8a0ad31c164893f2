//! `overrides.json`: overrides, and since when closed endpoints are out of answers.

use super::Store;
use crate::limits::{GRADUAL_MAX_S, OVERRIDES_MAX, OWNER_MAX, REASON_MAX, WEIGHT_MAX};
use crate::overrides::{Closed, Entry, Override, Overrides, Ramp, Said, Target};
use crate::pool::{Gate, Share};
use serde::{Deserialize, Serialize};
use std::io;

const NAME: &str = "overrides.json";
const FORMAT: u32 = 1;

/// What is kept of operators' work.
#[derive(Clone, Debug, Default)]
pub struct Operators {
    /// Overrides.
    pub overrides: Overrides,
    /// Closed endpoints.
    pub closed: Closed,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    overrides: Vec<OverrideFile>,
    closed: Vec<ClosedFile>,
    horizon: u64,
    largest_ttl: u32,
}

#[derive(Serialize, Deserialize)]
struct OverrideFile {
    target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    /// The share that a pool keeps, in ten-thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<u16>,
    owner: Box<str>,
    reason: Box<str>,
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    /// It goes to its end over so many seconds from `since` on, from this share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    over: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u16>,
    /// The state that holds until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ClosedFile {
    zone: Box<str>,
    pool: Box<str>,
    endpoint: Box<str>,
    since: u64,
    safe: u64,
    named: bool,
}

impl Operators {
    /// Reads what was kept; `None`: nothing was. `now` is the wall clock, seconds since 1970.
    ///
    /// # Errors
    /// Of the system, or in words what is wrong with the file.
    pub fn load(store: &Store, now: u64) -> io::Result<Option<Self>> {
        let Some(bytes) = store.read(NAME)? else { return Ok(None) };
        let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{NAME}: {why}"));
        let file: File = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if file.format != FORMAT {
            return Err(wrong(format!("format {} is not the format {FORMAT} of this version", file.format)));
        }
        if file.overrides.len() > OVERRIDES_MAX {
            return Err(wrong(format!("more than {OVERRIDES_MAX} overrides")));
        }
        let mut overrides = Overrides::default();
        for one in file.overrides {
            overrides.set(one.read().map_err(wrong)?).map_err(wrong)?;
        }
        let entry = |one: ClosedFile| {
            ((one.zone, one.pool, one.endpoint), Entry { since: one.since, safe: one.safe, named: one.named })
        };
        let closed = file.closed.into_iter().map(entry).collect();
        Ok(Some(Self { overrides, closed: Closed::resumed(closed, file.horizon, file.largest_ttl, now) }))
    }

    /// Writes it.
    ///
    /// # Errors
    /// Of the system; the file is then as it was before.
    pub fn save(&self, store: &Store) -> io::Result<()> {
        let closed = self.closed.entries().map(|((zone, pool, endpoint), entry)| ClosedFile {
            zone: zone.clone(),
            pool: pool.clone(),
            endpoint: endpoint.clone(),
            since: entry.since,
            safe: entry.safe,
            named: entry.named,
        });
        let file = File {
            format: FORMAT,
            overrides: self.overrides.list().iter().map(OverrideFile::of).collect(),
            closed: closed.collect(),
            horizon: self.closed.horizon(),
            largest_ttl: self.closed.largest_ttl(),
        };
        store.write(NAME, &serde_json::to_vec_pretty(&file)?)
    }

    /// Moves a file that cannot be read out of the way.
    ///
    /// # Errors
    /// Of the system.
    pub fn set_aside(store: &Store) -> io::Result<()> {
        store.set_aside(NAME)
    }
}

impl OverrideFile {
    fn of(one: &Override) -> Self {
        let (state, weight, share) = match one.said {
            Said::State(gate) => (Some(gate.word().to_owned()), None, None),
            Said::Weight(weight) => (None, Some(weight), None),
            Said::Share(share) => (None, None, Some(share.parts())),
        };
        Self {
            target: one.target.to_string(),
            state,
            weight,
            share,
            owner: one.owner.clone(),
            reason: one.reason.clone(),
            since: one.since,
            until: one.until,
            over: one.ramp.map(|ramp| ramp.over_s),
            from: one.ramp.map(|ramp| ramp.from.parts()),
            held: one.ramp.and_then(|ramp| ramp.held).map(|gate| gate.word().to_owned()),
        }
    }

    fn read(self) -> Result<Override, String> {
        let target = Target::parse(&self.target)?;
        let said = match (&self.state, self.weight, self.share) {
            (Some(word), None, None) => {
                Said::State(Gate::of_word(word).ok_or_else(|| format!("no state is \"{word}\""))?)
            }
            (None, Some(weight), None) if weight <= WEIGHT_MAX => Said::Weight(weight),
            (None, None, Some(share)) if share <= Share::PARTS => Said::Share(Share::new(share.into())),
            _ => return Err(format!("{target} has no state, weight or share, or several of them")),
        };
        let held = self.held.as_deref().map(|word| Gate::of_word(word).filter(|gate| gate.is_open()));
        let ramp = match (self.over, self.from, held) {
            (None, None, None) => None,
            // Without `held`: nothing was said before, or the file is older than that word.
            (Some(over_s @ 1..=GRADUAL_MAX_S), Some(from), None | Some(Some(_))) if from <= Share::PARTS => {
                Some(Ramp { from: Share::new(from.into()), over_s, held: held.flatten() })
            }
            _ => return Err(format!("{target} goes to its end over a time that makes no sense")),
        };
        if self.owner.len() > OWNER_MAX || self.reason.len() > REASON_MAX {
            return Err(format!("the owner or the reason of {target} is too long"));
        }
        let (owner, reason) = (self.owner, self.reason);
        Ok(Override { target, said, owner, reason, since: self.since, until: self.until, ramp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(Operators::load(&store, 0).unwrap().is_none());
        let mut kept = Operators::default();
        let ramp = Some(Ramp { from: Share::new(9_900), over_s: 1_800, held: Some(Gate::Up) });
        for (target, said, until, ramp) in [
            ("pool/fra", Said::State(Gate::Drain), Some(99), ramp),
            ("pool/fra", Said::Share(Share::new(8_000)), None, None),
            ("tag/eu", Said::Weight(7), None, None),
            ("endpoint/fra/2001:db8::1", Said::State(Gate::Auto), None, None),
        ] {
            let target = Target::parse(target).unwrap();
            let (owner, reason) = ("ops".into(), "a \"reason\"".into());
            let one = Override { target, said, owner, reason, since: 5, until, ramp };
            kept.overrides.set(one).unwrap();
        }
        kept.closed.published([(("z.".into(), "fra".into(), "a".into()), 30, false)], 1_000);
        kept.save(&store).unwrap();
        let read = Operators::load(&store, 1_000).unwrap().unwrap();
        assert_eq!(read.overrides, kept.overrides);
        assert_eq!(read.closed.entries().collect::<Vec<_>>(), kept.closed.entries().collect::<Vec<_>>());
    }

    #[test]
    fn a_file_of_before_shares_is_read_and_one_that_makes_no_sense_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let file = |one: &str| {
            format!(
                r#"{{"format": 1, "overrides": [{{"target": "pool/fra", {one}, "owner": "ops", "reason": "", "since": 5}}],
                    "closed": [], "horizon": 0, "largest_ttl": 30}}"#
            )
        };
        let read = |one: &str| {
            store.write(NAME, file(one).as_bytes()).unwrap();
            Operators::load(&store, 0).map(|kept| kept.unwrap().overrides.list()[0].clone())
        };
        let old = read(r#""state": "drain""#).unwrap();
        assert_eq!((old.said, old.ramp), (Said::State(Gate::Drain), None));
        let old = read(r#""state": "drain", "over": 60, "from": 10000"#).unwrap();
        assert_eq!(old.ramp, Some(Ramp { from: Share::FULL, over_s: 60, held: None }));
        for wrong in [
            r#""share": 10001"#,
            r#""share": 5, "weight": 1"#,
            r#""share": 5, "over": 60"#,
            r#""share": 5, "over": 0, "from": 1"#,
            r#""state": "drain", "over": 60, "from": 1, "held": "down""#,
            r#""state": "drain", "held": "up""#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_of_another_format_or_half_a_file_is_an_error_and_never_half_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Operators::default().save(&store).unwrap();
        let whole = store.read(NAME).unwrap().unwrap();
        store.write(NAME, &whole[..whole.len() / 2]).unwrap();
        assert!(Operators::load(&store, 0).is_err());
        let newer = String::from_utf8(whole).unwrap().replace("\"format\": 1", "\"format\": 2");
        store.write(NAME, newer.as_bytes()).unwrap();
        assert!(Operators::load(&store, 0).unwrap_err().to_string().contains("format 2"));
        Operators::set_aside(&store).unwrap();
        assert!(Operators::load(&store, 0).unwrap().is_none());
    }
}
