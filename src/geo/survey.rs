//! Who stands where: every network that the databases know, in order, with its country and AS number. For
//! simulations; queries never come here.

use super::compile::changes;
use super::databases::{Databases, GeoError};
use super::location::Country;
use super::mmdb::{Database, Need};
use super::ranges::{Layer, sweep};
use super::sets::Mix;
use super::walk::Pointer;
use crate::address::Family;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

/// Where clients are, as people count them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Place {
    /// The country.
    pub country: Option<Country>,
    /// The AS number.
    pub asn: Option<u32>,
}

impl Place {
    /// Takes from `other` what is not known yet.
    fn or(self, other: Self) -> Self {
        Self { country: self.country.or(other.country), asn: self.asn.or(other.asn) }
    }
}

const NEED: Need = Need { subdivision: false, coordinates: false, asn: true, names: false };

impl Databases {
    /// Hands over every range of addresses of a family of which some database has a record: first address, last address,
    /// place. In order, neighbours of one place joined.
    ///
    /// # Errors
    /// A damaged database.
    pub fn survey(&self, family: Family, mut emit: impl FnMut(u128, u128, Place)) -> Result<(), GeoError> {
        // Label 0: no record. Every other is a place; several may be equal.
        let places = RefCell::new(vec![Place::default()]);
        let mut known: Vec<HashMap<Pointer, u32, Mix>> = vec![HashMap::default(); self.all().len()];
        let mut layers: Vec<Layer<'_>> = Vec::with_capacity(known.len());
        for (database, known) in self.all().iter().zip(&mut known) {
            let read = |database: &Database, address: IpAddr| {
                let location = database.locate(address, NEED);
                let mut places = places.borrow_mut();
                places.push(Place { country: location.country, asn: location.asn });
                places.len() as u32 - 1
            };
            layers.push(changes(database, family.bits(), known, read)?);
        }
        let mut open: Option<(u128, u128, Place)> = None;
        sweep(family.bits(), &mut layers, |first, last, labels| {
            let known = labels.iter().filter(|label| **label != 0).map(|label| places.borrow()[*label as usize]);
            let Some(place) = known.reduce(Place::or) else { return Ok(()) };
            match &mut open {
                Some((_, end, before)) if *before == place && *end + 1 == first => *end = last,
                open => {
                    if let Some((first, last, place)) = open.replace((first, last, place)) {
                        emit(first, last, place);
                    }
                }
            }
            Ok(())
        })?;
        if let Some((first, last, place)) = open {
            emit(first, last, place);
        }
        Ok(())
    }

    /// Where one address is, and the last address from there on of which the same record tells.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> (Place, IpAddr) {
        let location = self.locate(address);
        let last = match location.network {
            Some(network) if network.contains(&address) => network.broadcast(),
            _ => address,
        };
        (Place { country: location.country, asn: location.asn }, last)
    }
}
