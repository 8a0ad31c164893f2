//! `overrides.json`: overrides, and since when closed endpoints are out of answers.

use super::Store;
use crate::limits::{OVERRIDES_MAX, OWNER_MAX, REASON_MAX, WEIGHT_MAX};
use crate::overrides::{Closed, Entry, Override, Overrides, Said, Target};
use crate::pool::Gate;
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
    owner: Box<str>,
    reason: Box<str>,
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
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
        let (state, weight) = match one.said {
            Said::State(gate) => (Some(gate.word().to_owned()), None),
            Said::Weight(weight) => (None, Some(weight)),
        };
        let (owner, reason) = (one.owner.clone(), one.reason.clone());
        Self { target: one.target.to_string(), state, weight, owner, reason, since: one.since, until: one.until }
    }

    fn read(self) -> Result<Override, String> {
        let target = Target::parse(&self.target)?;
        let said = match (&self.state, self.weight) {
            (Some(word), None) => Said::State(Gate::of_word(word).ok_or_else(|| format!("no state is \"{word}\""))?),
            (None, Some(weight)) if weight <= WEIGHT_MAX => Said::Weight(weight),
            _ => return Err(format!("{target} has neither a state nor a weight")),
        };
        if self.owner.len() > OWNER_MAX || self.reason.len() > REASON_MAX {
            return Err(format!("the owner or the reason of {target} is too long"));
        }
        Ok(Override { target, said, owner: self.owner, reason: self.reason, since: self.since, until: self.until })
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
        for (target, said, until) in [
            ("pool/fra", Said::State(Gate::Drain), Some(99)),
            ("tag/eu", Said::Weight(7), None),
            ("endpoint/fra/2001:db8::1", Said::State(Gate::Auto), None),
        ] {
            let target = Target::parse(target).unwrap();
            let one = Override { target, said, owner: "ops".into(), reason: "a \"reason\"".into(), since: 5, until };
            kept.overrides.set(one).unwrap();
        }
        kept.closed.published([(("z.".into(), "fra".into(), "a".into()), 30, false)], 1_000);
        kept.save(&store).unwrap();
        let read = Operators::load(&store, 1_000).unwrap().unwrap();
        assert_eq!(read.overrides, kept.overrides);
        assert_eq!(read.closed.entries().collect::<Vec<_>>(), kept.closed.entries().collect::<Vec<_>>());
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
