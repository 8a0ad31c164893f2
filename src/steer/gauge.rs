//! What is known of loads and times in the live tables: of an endpoint, and of a pool. For people; the tables of the
//! methods have taken them in already.

use super::live::Live;
use super::observed::Observed;
use crate::health::{Aggregate, Load};
use crate::id::{EndpointId, PoolId};
use crate::pool::Pool;
use crate::snapshot::Snapshot;

/// The numbers of one endpoint, as the tables were told them: in steps of 2 to 5 percent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gauge {
    /// The load that it reports, if that is fresh.
    pub load: Option<Load>,
    /// By family: how long its probes take, smoothed, microseconds.
    pub time_us: [Option<u32>; 2],
}

/// The numbers of a pool's members, in order; none if nobody looks at them.
pub(super) fn gauges(pool: &Pool, seen: &[Observed]) -> Box<[Gauge]> {
    if pool.rules.load.is_none() && !pool.balance.looks_at_time() {
        return Box::new([]);
    }
    seen.iter().map(|seen| Gauge { load: seen.load, time_us: seen.time_us }).collect()
}

impl Live {
    /// The numbers of an endpoint; `None` if its pool looks at none.
    #[must_use]
    pub fn gauge(&self, snapshot: &Snapshot, endpoint: EndpointId) -> Option<Gauge> {
        let pool = snapshot.endpoints[endpoint.index()].pool;
        let place = endpoint.index() - snapshot.pools[pool.index()].first.index();
        self.pool(pool).gauges.get(place).copied()
    }

    /// The load of a pool: what its live members report, added up or as their mean; `None` if none of them reports any.
    #[must_use]
    pub fn load(&self, snapshot: &Snapshot, pool: PoolId) -> Option<Load> {
        let data = &snapshot.pools[pool.index()];
        let live = data.endpoints().filter(|&endpoint| self.is_endpoint_live(snapshot, endpoint));
        let loads: Vec<u64> =
            live.filter_map(|endpoint| Some(self.gauge(snapshot, endpoint)?.load?.thousandths())).collect();
        let sum = loads.iter().fold(0_u64, |sum, load| sum.saturating_add(*load));
        let mean = sum.checked_div(loads.len() as u64)?;
        Some(Load::from_thousandths(match data.rules.aggregate {
            Aggregate::Sum => sum,
            Aggregate::Mean => mean,
        }))
    }
}
