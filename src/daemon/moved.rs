//! What time and loads did to endpoints and pools, in words: steps on ways back, and pools that shed clients.

use super::writing::Writing;
use crate::events::Kind;
use crate::health::{Comeback, ComebackRules, Load};
use crate::id::{EndpointId, PoolId};
use crate::pool::{Address, Share};
use crate::snapshot::Snapshot;

impl Writing {
    pub(super) fn log_comeback(
        &self,
        (generation, id): (u64, EndpointId),
        lanes: [bool; 2],
        (from, to): (Comeback, Comeback),
    ) {
        let Some((_, snapshot)) = self.known.iter().find(|known| known.0 == generation) else { return };
        let endpoint = &snapshot.endpoints[id.index()];
        let pool = &snapshot.pools[endpoint.pool.index()];
        let of = match (&endpoint.address, lanes) {
            (Address::Ip { v4: Some(_), v6: Some(_) }, [true, false]) => "its IPv4 address ",
            (Address::Ip { v4: Some(_), v6: Some(_) }, [false, true]) => "its IPv6 address ",
            _ => "",
        };
        let why = format!("{of}{}", why(to, &pool.rules.comeback));
        let subject = format!("endpoint/{}/{}{}", pool.name, endpoint.name, in_zone(snapshot, endpoint.pool));
        let (from, to) = (word(from), word(to));
        self.happened.push(Kind::Comeback, &subject, from, to, &why);
        tracing::info!(of = subject, from, to, "on its way back: {why}");
    }

    pub(super) fn log_shed(&self, (generation, id): (u64, PoolId), keep: Share, load: Option<Load>) {
        let Some((_, snapshot)) = self.known.iter().find(|known| known.0 == generation) else { return };
        let subject = format!("pool/{}{}", snapshot.pools[id.index()].name, in_zone(snapshot, id));
        let load = load.map_or_else(|| "nobody reports a load".to_owned(), |load| format!("its load is {load}"));
        if keep == Share::FULL {
            let why = format!("{load}: all of its clients stay again");
            self.happened.push(Kind::Shed, &subject, "sheds", "keeps all", &why);
            tracing::info!(of = subject, "keeps all: {why}");
        } else {
            let part = keep.percent();
            let why = format!("{load}: {part} % of its clients stay for now, the others go on along their rows");
            self.happened.push(Kind::Shed, &subject, "keeps all", "sheds", &why);
            tracing::warn!(of = subject, "sheds: {why}");
        }
    }
}

/// Names are those of a zone: said where there is more than one.
fn in_zone(snapshot: &Snapshot, pool: PoolId) -> String {
    match &snapshot.settings[..] {
        [_] => String::new(),
        zones => format!(" of {}", zones[snapshot.pools[pool.index()].zone.index()].apex),
    }
}

fn word(comeback: Comeback) -> &'static str {
    match comeback {
        Comeback::Full => "in service",
        Comeback::Out { .. } => "down",
        Comeback::Stopped | Comeback::Waiting { .. } => "waits",
        Comeback::Ramping { .. } => "slow start",
    }
}

fn why(comeback: Comeback, rules: &ComebackRules) -> String {
    let seconds = |millis: u32| f64::from(millis) / 1e3;
    match comeback {
        Comeback::Full => "takes clients with its whole weight".to_owned(),
        Comeback::Out { .. } => "is down".to_owned(),
        Comeback::Stopped => "is up, and stays out until it is resumed (manual_resume)".to_owned(),
        Comeback::Waiting { .. } => {
            format!("is up, and takes clients when it was for {} s (failback_delay)", seconds(rules.failback_delay_ms))
        }
        Comeback::Ramping { .. } => {
            format!("takes clients, its weight grows to its own over {} s (slow_start)", seconds(rules.slow_start_ms))
        }
    }
}
