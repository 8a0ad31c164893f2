//! HTTPS, SVCB, SRV, MX and TXT records of a balanced name: of the endpoints that the same decision as for the
//! addresses has picked. Rare beside addresses, so nothing of it is laid out before.

use crate::client::Family;
use crate::id::{EndpointId, NameId};
use crate::limits::{ANSWERS_MAX, NAME_MAX, SERVICE_PARAMS_MAX};
use crate::pool::{Address, Endpoint};
use crate::state::State;
use crate::steer::{Binding, Srv, is_live, weight};
use crate::wire::Reply;
use crate::wire::code::rtype;
use crate::wire::reply::{QUESTION, Section};

/// SvcParamKeys of the address hints (RFC 9460 §7.3).
const HINTS: [(Family, u16); 2] = [(Family::V4, 4), (Family::V6, 6)];

/// Most octets of one record's data that is put together here.
const RDATA_MAX: usize = 3 + SERVICE_PARAMS_MAX + 8 + (4 + 16) * ANSWERS_MAX as usize;

/// Writes the records of a type for the endpoints picked by their addresses of a family; `None` if they have no room.
pub(super) fn answer(
    state: &State,
    name: NameId,
    qtype: u16,
    (picks, family): (&[EndpointId], Family),
    ttl: u32,
    reply: &mut Reply<'_>,
) -> Option<()> {
    let Some(services) = &state.snapshot.names[name.index()].services else { return Some(()) };
    // Endpoints that say the same have one record (RFC 2181 §5).
    let mut put = |rdata: &[u8]| {
        let known = reply.rdatas().any(|before| before == rdata);
        if known { Some(()) } else { reply.record(Section::Answer, QUESTION, qtype, ttl, rdata).map(drop) }
    };
    let binding = match qtype {
        rtype::HTTPS => services.https.as_ref(),
        rtype::SVCB => services.svcb.as_ref(),
        _ => None,
    };
    if let Some(binding) = binding {
        return put(bound(state, binding, picks).octets());
    }
    for &id in picks {
        let endpoint = &state.snapshot.endpoints[id.index()];
        let Some(own) = &endpoint.service else { continue };
        match (qtype, &own.target) {
            (rtype::TXT, _) if !own.text.is_empty() => put(&own.text)?,
            (rtype::SRV, Some(target)) => {
                let weight = weight(state, id, family);
                services.srv.map_or(Some(()), |srv| put(located(srv, weight, target.wire()).octets()))?;
            }
            (rtype::MX, Some(target)) => {
                let mut rdata = Data::new();
                rdata.number(services.mx.unwrap_or_default());
                rdata.add(target.wire());
                put(rdata.octets())?;
            }
            _ => {}
        }
    }
    Some(())
}

/// The binding of the owner name itself, with the addresses of the picks that are live as hints.
fn bound(state: &State, binding: &Binding, picks: &[EndpointId]) -> Data {
    let mut rdata = Data::new();
    rdata.number(binding.priority);
    // The target is the owner itself: the root, as the format writes it.
    rdata.add(&[0]);
    rdata.add(&binding.params);
    for (family, key) in HINTS {
        let hints = || {
            let live = picks.iter().filter(move |&&endpoint| is_live(state, endpoint, family));
            live.map(|endpoint| &state.snapshot.endpoints[endpoint.index()])
        };
        let octets = hints().map(|endpoint| address(endpoint, family, |octets| octets.len())).sum::<usize>();
        if octets > 0 {
            rdata.number(key);
            rdata.number(octets as u16);
            hints().for_each(|endpoint| address(endpoint, family, |octets| rdata.add(octets)));
        }
    }
    rdata
}

/// Does something with the octets of an endpoint's address; with none if it has none of the family.
fn address<T>(endpoint: &Endpoint, family: Family, mut with: impl FnMut(&[u8]) -> T) -> T {
    match (&endpoint.address, family) {
        (Address::Ip { v4: Some(v4), .. }, Family::V4) => with(&v4.octets()),
        (Address::Ip { v6: Some(v6), .. }, Family::V6) => with(&v6.octets()),
        _ => with(&[]),
    }
}

/// SRV data: priority, weight, port, target.
fn located(srv: Srv, weight: u16, target: &[u8]) -> Data {
    let mut rdata = Data::new();
    rdata.number(srv.priority);
    rdata.number(weight);
    rdata.number(srv.port);
    rdata.add(target);
    rdata
}

/// Record data in the making.
struct Data {
    octets: [u8; RDATA_MAX],
    length: usize,
}

impl Data {
    const fn new() -> Self {
        const { assert!(RDATA_MAX >= 6 + NAME_MAX) };
        Self { octets: [0; RDATA_MAX], length: 0 }
    }

    fn number(&mut self, number: u16) {
        self.add(&number.to_be_bytes());
    }

    fn add(&mut self, octets: &[u8]) {
        let end = self.length + octets.len();
        self.octets[self.length..end].copy_from_slice(octets);
        self.length = end;
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}
