//! One MaxMind DB file: the only place that knows `maxminddb`. Its schema is found by looking: MaxMind's
//! GeoIP2 and GeoLite2, DB-IP's, IPinfo's and ip-location-db's fields are told apart by their names, field by field.

use super::databases::GeoError;
use super::iso::continent_of;
use super::location::{Continent, Coordinates, Country, Location};
use super::subdivision;
use super::walk::{Broken, Tree, Walk};
use ipnet::IpNet;
use maxminddb::PathElement::{self, Index, Key};
use maxminddb::{LookupResult, Reader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Where a field stands in a record.
type Path = &'static [PathElement<'static>];

/// Paths by field, the first that is there wins.
const COUNTRY: &[Path] = &[
    &[Key("country"), Key("iso_code")],
    &[Key("country_code")],
    &[Key("country")],
    &[Key("countryCode")],
    &[Key("country_iso_code")],
];
const CONTINENT: &[Path] =
    &[&[Key("continent"), Key("code")], &[Key("continent_code")], &[Key("continent")], &[Key("continentCode")]];
const SUBDIVISION: &[Path] = &[
    &[Key("subdivisions"), Index(0), Key("iso_code")],
    &[Key("region_code")],
    &[Key("state1_code")],
    &[Key("subdivisions"), Index(0), Key("names"), Key("en")],
    &[Key("state1")],
    &[Key("stateprov")],
    &[Key("region")],
];
const CITY: &[Path] = &[&[Key("city"), Key("names"), Key("en")], &[Key("city")]];
const LATITUDE: &[Path] = &[&[Key("location"), Key("latitude")], &[Key("latitude")], &[Key("lat")]];
const LONGITUDE: &[Path] = &[&[Key("location"), Key("longitude")], &[Key("longitude")], &[Key("lng")], &[Key("lon")]];
const ASN: &[Path] = &[&[Key("autonomous_system_number")], &[Key("asn")], &[Key("as_number")]];
const ORGANISATION: &[Path] =
    &[&[Key("autonomous_system_organization")], &[Key("as_name")], &[Key("as_organization")], &[Key("name")]];

/// Records looked at when a database is opened.
const SAMPLES: usize = 2_048;

/// A database in memory, checked.
#[derive(Debug)]
pub struct Database {
    label: Box<str>,
    bytes: Bytes,
    reader: Reader<Bytes>,
    schema: Schema,
}

/// What a database is, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DatabaseFacts {
    /// The file name, or `embedded`.
    pub label: Box<str>,
    /// The type that it says it is, such as `GeoLite2-City`.
    pub kind: Box<str>,
    /// When it was built, seconds since 1970.
    pub built: u64,
    /// Nodes of its search tree; about as many as networks.
    pub nodes: u32,
    /// 4 if it knows IPv4 only, else 6.
    pub ip_version: u16,
    /// Size in octets.
    pub size: usize,
    /// Fields found that geosteer uses, such as `country`.
    pub fields: Vec<&'static str>,
}

/// The file's content, shared by the reader and the walk.
#[derive(Clone, Debug)]
struct Bytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Where each field stands in this database's records.
#[derive(Clone, Copy, Default, Debug)]
struct Schema {
    country: Option<Path>,
    continent: Option<Path>,
    subdivision: Option<Path>,
    city: Option<Path>,
    latitude: Option<Path>,
    longitude: Option<Path>,
    asn: Option<Path>,
    organisation: Option<Path>,
}

/// Which fields are wanted of a record: decoding is most of the cost of compiling a map.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Need {
    pub(super) subdivision: bool,
    pub(super) coordinates: bool,
    pub(super) asn: bool,
    /// City and organisation.
    pub(super) names: bool,
}

impl Need {
    /// Everything.
    pub(super) const ALL: Self = Self { subdivision: true, coordinates: true, asn: true, names: true };
}

impl Database {
    /// Checks a database and finds its schema; `label` names it in messages and facts.
    ///
    /// # Errors
    /// The bytes are no MaxMind DB, are truncated or damaged, or hold no field that says where a client is.
    pub fn new(label: &str, bytes: Vec<u8>) -> Result<Self, GeoError> {
        let fail = |why: &str| GeoError(format!("{label}: {why}").into());
        let bytes = Bytes(Arc::new(bytes));
        let reader = Reader::from_source(bytes.clone()).map_err(|error| fail(&error.to_string()))?;
        let mut database = Self { label: label.into(), bytes, reader, schema: Schema::default() };
        let tree = database.tree().map_err(|broken| fail(broken.text()))?;
        tree.check(database.data_length()).map_err(|broken| fail(broken.text()))?;
        let samples = database.samples(tree);
        if samples.is_empty() {
            return Err(fail("no network has data"));
        }
        let records = database.records(&samples).map_err(|why| fail(&why))?;
        database.schema = Schema::find(&records);
        if database.fields().is_empty() {
            return Err(fail("its records have no country, continent, subdivision, coordinates or AS number"));
        }
        Ok(database)
    }

    /// The DB-IP Lite country database that is part of the binary, to be combined with others.
    ///
    /// # Errors
    /// As [`super::Databases::embedded`].
    pub fn embedded() -> Result<Self, GeoError> {
        super::embedded::database()
    }

    /// What this database is.
    #[must_use]
    pub fn facts(&self) -> DatabaseFacts {
        let metadata = self.reader.metadata();
        DatabaseFacts {
            label: self.label.clone(),
            kind: metadata.database_type.as_str().into(),
            built: metadata.build_epoch,
            nodes: metadata.node_count,
            ip_version: metadata.ip_version,
            size: self.bytes.0.len(),
            fields: self.fields(),
        }
    }

    /// What is known of an address (already resolved to its IPv4 address if it carries one), without derived
    /// coordinates; the continent follows from the country where the database has none.
    pub(super) fn locate(&self, address: IpAddr, need: Need) -> Location {
        let compatible = matches!(address, IpAddr::V6(v6) if u128::from(v6) >> 32 == 0);
        if compatible {
            return Location::default(); // the tree keeps IPv4 there
        }
        let Ok(found) = self.reader.lookup(address) else { return Location::default() };
        let mut location = self.schema.read(&found, need);
        if need.names {
            location.network = found.network().ok().and_then(|network| {
                IpNet::new(network.ip(), network.prefix()).ok().filter(|network| network.contains(&address))
            });
        }
        location
    }

    /// All IPv4 networks.
    pub(super) fn walk_v4(&self) -> Result<Walk<'_>, GeoError> {
        self.tree().map(Tree::walk_v4).map_err(|broken| self.error(broken))
    }

    /// All IPv6 networks.
    pub(super) fn walk_v6(&self) -> Result<Walk<'_>, GeoError> {
        self.tree().map(Tree::walk_v6).map_err(|broken| self.error(broken))
    }

    /// An error of this database.
    pub(super) fn error(&self, broken: Broken) -> GeoError {
        GeoError(format!("{}: {}", self.label, broken.text()).into())
    }

    fn tree(&self) -> Result<Tree<'_>, Broken> {
        let metadata = self.reader.metadata();
        Tree::new(&self.bytes.0, metadata.node_count, metadata.record_size, metadata.ip_version == 6)
    }

    /// Octets behind the tree and its separator: an upper bound of the data section.
    fn data_length(&self) -> usize {
        let metadata = self.reader.metadata();
        let tree = metadata.node_count as usize * usize::from(metadata.record_size) / 4;
        self.bytes.0.len().saturating_sub(tree + 16)
    }

    /// Addresses with data from all over the tree: ends of paths that turn by a fixed sequence.
    fn samples(&self, tree: Tree<'_>) -> Vec<IpAddr> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bits = 0_u64;
        let mut turn = move || {
            if bits <= 1 {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                bits = (state >> 1) | (1 << 63);
            }
            let right = bits & 1 == 1;
            bits >>= 1;
            right
        };
        let v6 = self.reader.metadata().ip_version == 6;
        let mut samples = Vec::new();
        for round in 0..SAMPLES {
            // Half of the paths go to where IPv4 is kept: all zeros for 96 bits.
            let mut zeros = if v6 && round % 2 == 0 { 96 } else { 0 };
            let (address, pointer) = tree.descend(|| {
                let forced = zeros > 0;
                zeros -= usize::from(forced);
                !forced && turn()
            });
            if pointer > 0 {
                samples.push(match u32::try_from(address) {
                    Ok(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
                    Err(_) => IpAddr::V6(Ipv6Addr::from(address)),
                });
            }
        }
        samples
    }

    /// The records at sampled addresses, proved to be readable from end to end.
    fn records(&self, samples: &[IpAddr]) -> Result<Vec<LookupResult<'_, Bytes>>, String> {
        let mut records = Vec::with_capacity(samples.len());
        for address in samples {
            let record = self.reader.lookup(*address).map_err(|error| error.to_string())?;
            // A key that no record has: the look-up reads over the whole record.
            record.decode_path::<&str>(&[Key("\u{1}")]).map_err(|error| error.to_string())?;
            records.push(record);
        }
        Ok(records)
    }

    fn fields(&self) -> Vec<&'static str> {
        let schema = &self.schema;
        let place = schema.latitude.and(schema.longitude);
        let all = [
            ("country", schema.country),
            ("continent", schema.continent),
            ("subdivision", schema.subdivision),
            ("coordinates", place),
            ("asn", schema.asn),
        ];
        let mut fields: Vec<&'static str> =
            all.iter().filter(|(_, path)| path.is_some()).map(|(name, _)| *name).collect();
        if !fields.is_empty() {
            fields.extend(schema.city.map(|_| "city"));
            fields.extend(schema.organisation.map(|_| "organisation"));
        }
        fields
    }
}

impl Schema {
    /// For each field the path that the most samples have in a form that can be read.
    fn find(records: &[LookupResult<'_, Bytes>]) -> Self {
        let first = |paths: &'static [Path], readable: fn(&LookupResult<'_, Bytes>, Path) -> bool| {
            paths.iter().copied().find(|path| records.iter().any(|record| readable(record, path)))
        };
        Self {
            country: first(COUNTRY, |r, path| text(r, path).is_some_and(|t| Country::parse(t).is_some())),
            continent: first(CONTINENT, |r, path| text(r, path).is_some_and(|t| Continent::parse(t).is_some())),
            subdivision: first(SUBDIVISION, |r, path| text(r, path).is_some_and(|t| !t.is_empty())),
            city: first(CITY, |r, path| text(r, path).is_some_and(|t| !t.is_empty())),
            latitude: first(LATITUDE, |r, path| degrees(r, path).is_some()),
            longitude: first(LONGITUDE, |r, path| degrees(r, path).is_some()),
            asn: first(ASN, |r, path| asn(r, path).is_some()),
            organisation: first(ORGANISATION, |r, path| text(r, path).is_some_and(|t| !t.is_empty())),
        }
    }

    /// Reads one record; a field that is missing or of an odd form stays unknown.
    fn read(&self, record: &LookupResult<'_, Bytes>, need: Need) -> Location {
        let read = |path: Option<Path>, wanted: bool| {
            path.filter(|_| wanted).and_then(|path| text(record, path)).filter(|t| !t.is_empty())
        };
        let country = read(self.country, true).and_then(Country::parse);
        let continent = read(self.continent, true).and_then(Continent::parse).or(country.and_then(continent_of));
        let coordinates = match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) if need.coordinates => degrees(record, latitude)
                .zip(degrees(record, longitude))
                .and_then(|(latitude, longitude)| Coordinates::new(latitude, longitude))
                // Where a database knows no place it may write 0, 0: an empty spot of the Atlantic.
                .filter(|place| place.latitude != 0.0 || place.longitude != 0.0),
            _ => None,
        };
        Location {
            continent,
            country,
            subdivision: country
                .zip(read(self.subdivision, need.subdivision))
                .and_then(|(country, text)| subdivision::parse(country, text)),
            city: read(self.city, need.names).map(Box::from),
            coordinates,
            centroid: false,
            asn: self.asn.filter(|_| need.asn).and_then(|path| asn(record, path)),
            organisation: read(self.organisation, need.names).map(Box::from),
            network: None,
        }
    }
}

/// A text, if there is one at `path`.
fn text<'a>(record: &LookupResult<'a, Bytes>, path: Path) -> Option<&'a str> {
    record.decode_path::<&str>(path).ok().flatten()
}

/// A number of degrees, written as one or as text.
fn degrees(record: &LookupResult<'_, Bytes>, path: Path) -> Option<f64> {
    let number = match record.decode_path::<f64>(path) {
        Ok(number) => number,
        Err(_) => match record.decode_path::<f32>(path) {
            Ok(number) => number.map(f64::from),
            Err(_) => match text(record, path) {
                Some(text) => text.trim().parse().ok(),
                None => record.decode_path::<i32>(path).ok().flatten().map(f64::from),
            },
        },
    };
    number.filter(|number: &f64| number.is_finite() && number.abs() <= 180.0)
}

/// An AS number, written as a number of any width, as `64500` or as `AS64500`.
fn asn(record: &LookupResult<'_, Bytes>, path: Path) -> Option<u32> {
    let number = match record.decode_path::<u32>(path) {
        Ok(number) => number,
        Err(_) => match text(record, path).map(str::trim) {
            Some(text) => {
                let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text);
                digits.parse().ok()
            }
            None => record.decode_path::<u64>(path).ok().flatten().and_then(|number| number.try_into().ok()),
        },
    };
    number.filter(|number| *number != 0)
}
