//! What the loads of pools had come to, in `health.json`: so that a restart sends nobody back to a pool that is full.

use super::Remembered;
use crate::health::{Load, Millis};
use crate::id::PoolId;
use crate::pool::{Relieved, Share, Standing};
use crate::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The shares of pools as they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares(Vec<Row>);

/// One pool's. Loads are in thousandths of their unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    zone: String,
    pool: String,
    /// What it keeps of its clients, and of guests, in ten-thousandths.
    keep: u64,
    guests: u64,
    /// Its weight where a row picks by load.
    part: u64,
    last: Option<u64>,
    own: Option<u64>,
    fresh: bool,
    /// Until it is looked at next, milliseconds.
    rests: Millis,
    /// When this was so, milliseconds since 1970.
    at: u64,
}

impl Shares {
    /// Reads rows; one that is none is left out, for the sake of the others and of health.
    pub(super) fn read(rows: Vec<serde_json::Value>) -> Self {
        Self(rows.into_iter().filter_map(|row| serde_json::from_value(row).ok()).collect())
    }

    /// The rows to be written.
    pub(super) fn rows(&self) -> serde_json::Result<Vec<serde_json::Value>> {
        self.0.iter().map(serde_json::to_value).collect()
    }
}

impl Remembered {
    /// Adds what the loads of pools have come to. `now` is in milliseconds since 1970.
    #[must_use]
    pub fn with_shares(mut self, snapshot: &Snapshot, shares: &[(PoolId, Relieved)], now: u64) -> Self {
        let row = |&(id, kept): &(PoolId, Relieved)| {
            let (zone, pool) = names(snapshot, id);
            let Standing { keep, guests } = kept.standing;
            Row {
                zone,
                pool,
                keep: keep.parts().into(),
                guests: guests.parts().into(),
                part: kept.part.into(),
                last: kept.last.map(Load::thousandths),
                own: kept.own.map(Load::thousandths),
                fresh: kept.fresh,
                rests: kept.rests,
                at: now.saturating_sub(kept.age),
            }
        };
        self.shares = Shares(shares.iter().map(row).collect());
        self
    }

    /// What the loads of a configuration's pools had come to; how old that is says each. `now` is in milliseconds since
    /// 1970.
    #[must_use]
    pub fn shares(&self, snapshot: &Snapshot, now: u64) -> Vec<(PoolId, Relieved)> {
        if self.shares.0.is_empty() {
            return Vec::new();
        }
        let known: HashMap<_, _> = self.shares.0.iter().map(|row| ((&*row.zone, &*row.pool), row)).collect();
        let restore = |id: PoolId| {
            let (zone, pool) = names(snapshot, id);
            let row = known.get(&(&*zone, &*pool))?;
            // A clock that was set back makes it as old as one that was set forward: too old, or by so little that it
            // does not matter.
            let age = now.abs_diff(row.at);
            let kept = Relieved {
                standing: Standing { keep: Share::new(row.keep), guests: Share::new(row.guests) },
                part: u32::try_from(row.part).unwrap_or(u32::MAX),
                last: row.last.map(Load::from_thousandths),
                own: row.own.map(Load::from_thousandths),
                fresh: row.fresh,
                rests: row.rests.saturating_sub(age),
                age,
            };
            Some((id, kept.bounded()))
        };
        (0..snapshot.pools.len()).map(PoolId::new).filter_map(restore).collect()
    }
}

fn names(snapshot: &Snapshot, id: PoolId) -> (String, String) {
    let pool = &snapshot.pools[id.index()];
    (snapshot.settings[pool.zone.index()].apex.to_lowercase().to_string(), pool.name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PART_AVERAGE;
    use crate::store::Store;

    const AT: u64 = 1_700_000_000_000;

    fn snapshot() -> Snapshot {
        let text = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks.c]\ntype = \"http\"\n[pools]\n\
                    p = { check = \"c\", load = { field = \"n\" }, capacity = 100, endpoints = [\"192.0.2.1\"] }\n\
                    q = { check = \"c\", load = { field = \"n\" }, capacity = 100, endpoints = [\"192.0.2.2\"] }\n\
                    [names.www.policy]\ndefault = [\"p\", \"q\"]\n";
        let loaded = crate::config::load_text("test.toml", text, &crate::config::Options::default()).unwrap();
        Snapshot::build(loaded.spec, crate::steer::fixture::databases()).unwrap()
    }

    const KEPT: Relieved = Relieved {
        standing: Standing { keep: Share::new(2_871), guests: Share::new(5_000) },
        part: 700,
        last: Some(Load::from_thousandths(95_000)),
        own: Some(Load::from_thousandths(40_000)),
        fresh: true,
        rests: 20_000,
        age: 0,
    };

    /// What is read when this stands in the place of what was written.
    fn read_as(snapshot: &Snapshot, now: u64, change: impl FnOnce(&str) -> String) -> Vec<(PoolId, Relieved)> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Remembered::default().with_shares(snapshot, &[(PoolId::new(0), KEPT)], AT).save(&store).unwrap();
        let file = folder.path().join("health.json");
        let text = change(&std::fs::read_to_string(&file).unwrap());
        std::fs::write(&file, text).unwrap();
        Remembered::load(&store).unwrap().shares(snapshot, now)
    }

    #[test]
    fn shares_are_read_as_they_were_written_and_older_files_have_none() {
        let snapshot = snapshot();
        let same = |text: &str| text.to_owned();
        let later = Relieved { rests: 15_000, age: 5_000, ..KEPT };
        assert_eq!(read_as(&snapshot, AT + 5_000, same), [(PoolId::new(0), later)]);
        let back = Relieved { rests: 0, age: 86_400_000, ..KEPT };
        assert_eq!(read_as(&snapshot, AT - 86_400_000, same), [(PoolId::new(0), back)], "a clock that was set back");
        let older = |_: &str| "{\"format\":1,\"targets\":[]}".to_owned();
        assert_eq!(read_as(&snapshot, AT, older), []);
    }

    #[test]
    fn numbers_that_cannot_be_are_bounded_and_rows_that_are_none_are_left_out() {
        let snapshot = snapshot();
        let large = |text: &str| {
            let max = u64::MAX.to_string();
            ["2871", "5000", "700", "95000", "40000", "20000"].iter().fold(text.to_owned(), |text, number| {
                assert!(text.contains(&format!(":{number}")), "{text}");
                text.replace(&format!(":{number}"), &format!(":{max}"))
            })
        };
        let (_, kept) = read_as(&snapshot, AT, large)[0];
        assert_eq!((kept.standing, kept.part), (Standing::FULL, PART_AVERAGE * 10));
        assert_eq!((kept.last, kept.own), (Some(Load::LARGEST), Some(Load::LARGEST)));
        let small = |text: &str| text.replace(":5000", ":0").replace(":700", ":0").replace(":2871", ":0");
        let (_, kept) = read_as(&snapshot, AT, small)[0];
        assert_eq!((kept.standing.keep, kept.standing.guests), (Share::NONE, Share::PERCENT));
        assert_eq!(kept.part, PART_AVERAGE / 10);
        for wrong in ["-1", "1e300", "2.5", "\"much\"", "null", "{}"] {
            assert_eq!(read_as(&snapshot, AT, |text| text.replace("2871", wrong)), [], "{wrong}");
            // Another one beside it holds.
            let beside = |text: &str| {
                let row = text.split_once("\"shares\":[").unwrap().1.strip_suffix("]}").unwrap();
                text.replace(row, &format!("{},{row}", row.replace("2871", wrong)))
            };
            assert_eq!(read_as(&snapshot, AT, beside), [(PoolId::new(0), KEPT)], "{wrong}");
        }
    }
}
