//! Where clients are, as data, and how they are written.

use super::explain::Word;
use crate::geo::{Databases, Location, country_by_code};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The licence of the embedded database asks for this line wherever its results are shown.
const ATTRIBUTION: &str = "IP Geolocation by DB-IP (https://db-ip.com)";

/// Where an address is, as far as the databases know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LocationView {
    /// Continent code.
    pub continent: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// The country in words.
    pub country_name: Option<Word>,
    /// ISO 3166-2.
    pub subdivision: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Degrees north and east.
    pub coordinates: Option<[f64; 2]>,
    /// `database`, or `country` for the middle of the country.
    pub coordinates_from: Option<Word>,
    /// AS number.
    pub asn: Option<u32>,
    /// Who runs the AS.
    pub organisation: Option<String>,
    /// The database's network that holds the address.
    pub network: Option<String>,
}

impl LocationView {
    /// The view of a location.
    #[must_use]
    pub fn of(location: &Location) -> Self {
        let from = if location.centroid { "country" } else { "database" };
        Self {
            continent: location.continent.map(|continent| continent.to_string()),
            country: location.country.map(|country| country.to_string()),
            country_name: location.country.and_then(country_by_code).map(|info| info.name.into()),
            subdivision: location.subdivision.as_ref().map(ToString::to_string),
            city: location.city.as_deref().map(str::to_owned),
            coordinates: location.coordinates.map(|at| [at.latitude, at.longitude]),
            coordinates_from: location.coordinates.map(|_| from.into()),
            asn: location.asn,
            organisation: location.organisation.as_deref().map(str::to_owned),
            network: location.network.map(|network| network.to_string()),
        }
    }

    /// In one line, from the large to the small: `EU, NL Netherlands`.
    #[must_use]
    pub fn line(&self) -> String {
        let country = self.country.as_ref().map(|code| match &self.country_name {
            Some(name) => format!("{code} {name}"),
            None => code.clone(),
        });
        let asn = self.asn.map(|asn| format!("AS{asn}"));
        let parts = [&self.continent, &country, &self.subdivision, &self.city, &asn];
        let known = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>();
        if known.is_empty() { "unknown to the databases".to_owned() } else { known.join(", ") }
    }
}

/// The attribution to show with what the databases say of `address`; none if the embedded one is not in use.
#[must_use]
pub fn attribution(databases: &Databases) -> Option<&'static str> {
    databases.facts().iter().any(|facts| &*facts.label == "embedded").then_some(ATTRIBUTION)
}

/// An address or a network as typed: `193.0.6.139`, `193.0.6.0/24`. Bits behind the prefix are cleared.
///
/// # Errors
/// It is neither, in words.
pub fn client(text: &str) -> Result<(IpAddr, Option<u8>), String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address = address.parse::<IpAddr>().map_err(|_| format!("\"{address}\" is no IP address"))?;
    let Some(length) = length else { return Ok((address, None)) };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = length.parse::<u8>().ok().filter(|bits| *bits <= most);
    let bits = bits.ok_or_else(|| format!("a prefix length is 0 to {most}, not \"{length}\""))?;
    let network = ipnet::IpNet::new(address, bits).map_err(|error| error.to_string())?;
    Ok((network.trunc().addr(), Some(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_network_without_host_bits() {
        assert_eq!(client("193.0.6.139"), Ok(("193.0.6.139".parse().unwrap(), None)));
        assert_eq!(client("193.0.6.139/24"), Ok(("193.0.6.0".parse().unwrap(), Some(24))));
        assert_eq!(client("2001:db8::1/48"), Ok(("2001:db8::".parse().unwrap(), Some(48))));
        assert!(client("193.0.6.0/33").is_err());
        assert!(client("office").is_err());
    }
}
