//! Orders of nearness by great-circle distance.

use super::location::Coordinates;
use crate::limits::{NEAREST_KEPT, NEAREST_TIE_PERCENT};

/// Candidates of one choice by nearness, in the order written; a candidate without a location is last.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// One place a candidate.
    pub places: Vec<Option<Coordinates>>,
}

/// Candidates of a group, the nearest first: each tier is a set of candidates (indices into
/// `Group::places`) that share the clients. All candidates beyond the first kept follow in the order written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Order {
    /// Nearest tier first; every candidate of the group stands in exactly one tier.
    pub tiers: Box<[Box<[u16]>]>,
}

impl Group {
    /// The order for clients at `client`. Candidates within 5 % of the nearest that is left share a tier, until
    /// [`NEAREST_KEPT`] are placed; the others follow one by one in the order written, those without a place last.
    #[must_use]
    pub fn order(&self, client: Coordinates) -> Order {
        let mut located: Vec<(f64, u16)> = (0..)
            .zip(&self.places)
            .filter_map(|(index, place)| place.map(|place| (distance(client, place), index)))
            .collect();
        located.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));

        let mut tiers: Vec<Box<[u16]>> = Vec::new();
        let mut placed = 0;
        while placed < NEAREST_KEPT.min(located.len()) {
            let reach = located[placed].0 * (1.0 + f64::from(NEAREST_TIE_PERCENT) / 100.0);
            let count = located[placed..].iter().take_while(|(far, _)| *far <= reach).count();
            let mut tier: Vec<u16> = located[placed..placed + count].iter().map(|(_, index)| *index).collect();
            tier.sort_unstable();
            tiers.push(tier.into());
            placed += count;
        }
        let mut rest: Vec<u16> = located[placed..].iter().map(|(_, index)| *index).collect();
        rest.sort_unstable();
        rest.extend((0..).zip(&self.places).filter(|(_, place)| place.is_none()).map(|(index, _)| index));
        tiers.extend(rest.into_iter().map(|index| Box::from([index])));
        Order { tiers: tiers.into() }
    }
}

/// Great-circle distance in kilometres (haversine, mean radius of the Earth).
pub(super) fn distance(a: Coordinates, b: Coordinates) -> f64 {
    let (phi, lambda) = ((b.latitude - a.latitude).to_radians(), (b.longitude - a.longitude).to_radians());
    let chord = (phi / 2.0).sin().powi(2)
        + a.latitude.to_radians().cos() * b.latitude.to_radians().cos() * (lambda / 2.0).sin().powi(2);
    2.0 * 6371.0 * chord.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRANKFURT: Option<Coordinates> = Some(Coordinates { latitude: 50.11, longitude: 8.68 });
    const AMSTERDAM: Option<Coordinates> = Some(Coordinates { latitude: 52.31, longitude: 4.76 });
    const WASHINGTON: Option<Coordinates> = Some(Coordinates { latitude: 38.95, longitude: -77.45 });
    const TOKYO: Option<Coordinates> = Some(Coordinates { latitude: 35.77, longitude: 140.39 });
    const SAO_PAULO: Option<Coordinates> = Some(Coordinates { latitude: -23.43, longitude: -46.47 });

    fn tiers(places: &[Option<Coordinates>], client: Option<Coordinates>) -> Vec<Vec<u16>> {
        let order = Group { places: places.to_vec() }.order(client.unwrap());
        order.tiers.iter().map(|tier| tier.to_vec()).collect()
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let known = [(FRANKFURT, WASHINGTON, 6_540.0), (TOKYO, WASHINGTON, 10_850.0), (FRANKFURT, FRANKFURT, 0.0)];
        for (a, b, kilometres) in known {
            let far = distance(a.unwrap(), b.unwrap());
            assert!((far - kilometres).abs() <= kilometres * 0.01, "{far} is not about {kilometres}");
        }
    }

    #[test]
    fn the_nearest_comes_first_and_what_is_beyond_the_third_keeps_the_order_written() {
        let places = [TOKYO, SAO_PAULO, WASHINGTON, AMSTERDAM, FRANKFURT];
        assert_eq!(tiers(&places, FRANKFURT), [[4], [3], [2], [0], [1]]);
        assert_eq!(tiers(&places, TOKYO), [vec![0], vec![3, 4], vec![1], vec![2]]);
    }

    #[test]
    fn places_within_five_percent_share_a_tier() {
        let london = Some(Coordinates { latitude: 51.47, longitude: -0.45 });
        let paris = Some(Coordinates { latitude: 49.01, longitude: 2.55 });
        assert_eq!(tiers(&[paris, TOKYO, london], WASHINGTON), [vec![0, 2], vec![1]]);
    }

    #[test]
    fn a_candidate_without_a_place_is_last() {
        let order = tiers(&[None, TOKYO, None, FRANKFURT], FRANKFURT);
        assert_eq!(order, [[3], [1], [0], [2]]);
    }
}
