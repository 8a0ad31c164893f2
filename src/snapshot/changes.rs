//! What differs between two configurations, as people name things. Places in files and ids do not count: what was only
//! moved or written in another way has not changed.

use super::Snapshot;
use crate::health::Check;
use crate::id::{PoolId, ZoneId};
use crate::steer::{Fallback, Policy, Step};
use crate::zone::Record;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A kind of thing that a configuration has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Thing {
    /// A zone: its static records, and what it makes of client subnets.
    Zone,
    /// A region.
    Region,
    /// A check.
    Check,
    /// A pool: its own keys, and the order of its endpoints.
    Pool,
    /// An endpoint.
    Endpoint,
    /// A policy.
    Policy,
    /// A balanced name.
    Name,
    /// A geographic database.
    Database,
    /// Something that the server file says for all zones.
    Setting,
}

impl Thing {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Region => "region",
            Self::Check => "check",
            Self::Pool => "pool",
            Self::Endpoint => "endpoint",
            Self::Policy => "policy",
            Self::Name => "name",
            Self::Database => "database",
            Self::Setting => "setting",
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Became {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is another.
    Changed,
}

impl Became {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One difference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Change {
    /// Of what.
    pub thing: Thing,
    /// What became of it.
    pub became: Became,
    /// Its name; `ZONE/NAME` for what is named within its zone, `ZONE/POOL/NAME` for an endpoint.
    pub name: String,
}

/// What differs, sorted by kind and name.
#[must_use]
pub fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let mut found = Vec::new();
    compare(Thing::Zone, zones(before), zones(after), &mut found);
    compare(Thing::Region, regions(before), regions(after), &mut found);
    compare(Thing::Check, checks(before), checks(after), &mut found);
    compare(Thing::Pool, pools(before), pools(after), &mut found);
    compare(Thing::Endpoint, endpoints(before), endpoints(after), &mut found);
    compare(Thing::Policy, policies(before), policies(after), &mut found);
    compare(Thing::Name, names(before), names(after), &mut found);
    compare(Thing::Database, databases(before), databases(after), &mut found);
    compare(Thing::Setting, settings(before), settings(after), &mut found);
    found.sort();
    found
}

/// Things by name. A name usually stands for one content; a check for which pools ask for different loads has several.
type Things<V> = BTreeMap<String, Vec<V>>;

fn compare<V: PartialEq>(thing: Thing, before: Things<V>, mut after: Things<V>, found: &mut Vec<Change>) {
    let mut push = |became, name| found.push(Change { thing, became, name });
    for (name, old) in before {
        match after.remove(&name) {
            None => push(Became::Removed, name),
            Some(new) if !same(&old, &new) => push(Became::Changed, name),
            Some(_) => {}
        }
    }
    after.into_keys().for_each(|name| push(Became::Added, name));
}

/// True if both hold the same contents, whatever their order.
fn same<V: PartialEq>(one: &[V], other: &[V]) -> bool {
    one.iter().all(|content| other.contains(content)) && other.iter().all(|content| one.contains(content))
}

fn collect<V: PartialEq>(all: impl Iterator<Item = (String, V)>) -> Things<V> {
    let mut things = Things::new();
    for (name, content) in all {
        let contents = things.entry(name).or_insert_with(|| Vec::with_capacity(1));
        if !contents.contains(&content) {
            contents.push(content);
        }
    }
    things
}

fn within(snapshot: &Snapshot, zone: ZoneId, name: &str) -> String {
    format!("{}/{name}", snapshot.settings[zone.index()].apex.to_lowercase())
}

fn zones(snapshot: &Snapshot) -> Things<impl PartialEq> {
    let zones = snapshot.settings.iter().zip(&snapshot.records);
    collect(zones.map(|(zone, &records)| {
        let keys = zone
            .signing
            .signer()
            .map(|signer| signer.keys().iter().map(|(key, phase)| (key.dnskey(), *phase)).collect::<Vec<_>>());
        let is_signed = zone.signing.wanted().is_some();
        let content = (records, &zone.ecs, (&zone.transfer, &zone.update), is_signed, keys.unwrap_or_default());
        (zone.apex.to_lowercase().to_string(), content)
    }))
}

fn regions(snapshot: &Snapshot) -> Things<impl PartialEq> {
    let zones = snapshot.settings.iter().enumerate();
    collect(zones.flat_map(|(index, zone)| {
        zone.regions.iter().map(move |region| {
            let mut matchers: Vec<_> = region.selectors.iter().map(|selector| &selector.matcher).collect();
            matchers.sort();
            (within(snapshot, ZoneId::new(index), &region.name), matchers)
        })
    }))
}

fn checks(snapshot: &Snapshot) -> Things<&Check> {
    collect(snapshot.pools.iter().flat_map(|pool| {
        let checks = pool.checks.iter().map(|check| &snapshot.checks[check.index()]);
        checks.map(|check| (within(snapshot, pool.zone, &check.name), check))
    }))
}

fn pools(snapshot: &Snapshot) -> Things<impl PartialEq> {
    let name = |pool: &PoolId| &*snapshot.pools[pool.index()].name;
    collect(snapshot.pools.iter().map(move |pool| {
        let check = |check: &crate::id::CheckId| &*snapshot.checks[check.index()].name;
        let rules = &pool.rules;
        let needs: Vec<_> = rules.depends_on.iter().map(name).collect();
        let order: Vec<_> = pool.endpoints().map(|id| &*snapshot.endpoints[id.index()].name).collect();
        let picks = (pool.balance, pool.answers, pool.min_healthy, pool.gate, pool.location);
        let health =
            (pool.checks.iter().map(check).collect::<Vec<_>>(), rules.load.as_ref().map(check), rules.may_fail);
        let other = (&pool.tags, &pool.domains, rules.comeback, rules.aggregate, needs, rules.relief, order);
        (within(snapshot, pool.zone, &pool.name), (picks, health, other))
    }))
}

fn endpoints(snapshot: &Snapshot) -> Things<impl PartialEq> {
    collect(snapshot.endpoints.iter().map(|endpoint| {
        let pool = &snapshot.pools[endpoint.pool.index()];
        let name = within(snapshot, pool.zone, &format!("{}/{}", pool.name, endpoint.name));
        let answered = (&endpoint.address, endpoint.weight, endpoint.gate, &endpoint.service);
        (name, (answered, endpoint.check_address, endpoint.location, &endpoint.tags))
    }))
}

fn policies(snapshot: &Snapshot) -> Things<impl PartialEq> {
    let all = snapshot.policies.iter();
    collect(all.map(|policy| (within(snapshot, policy.zone, &policy.name), rows(snapshot, policy))))
}

/// A step in the pools' names, and what kind it is.
type StepContent<'a> = (u8, Vec<(&'a str, u32)>);

/// The rows, whatever their order in the file: region, steps, fence.
fn rows<'a>(snapshot: &'a Snapshot, policy: &Policy) -> Vec<(Option<&'a str>, Vec<StepContent<'a>>, bool)> {
    let regions = &snapshot.settings[policy.zone.index()].regions;
    let row = |row: &crate::steer::Row| {
        let region = row.region.map(|region| &*regions[region.index()].name);
        (region, row.steps.iter().map(|one| step(snapshot, one)).collect(), row.geofence)
    };
    let mut rows: Vec<_> = policy.rows.iter().map(row).collect();
    rows.sort();
    rows
}

fn step<'a>(snapshot: &'a Snapshot, step: &Step) -> StepContent<'a> {
    let name = |pool: &PoolId| &*snapshot.pools[pool.index()].name;
    let alike = |pools: &[PoolId]| pools.iter().map(|pool| (name(pool), 0)).collect();
    match step {
        Step::Split { parts, sticky } => {
            (u8::from(*sticky), parts.iter().map(|(pool, weight)| (name(pool), *weight)).collect())
        }
        Step::Nearest(pools) => (2, alike(pools)),
        Step::LeastLoad(pools) => (3, alike(pools)),
    }
}

fn names(snapshot: &Snapshot) -> Things<impl PartialEq> {
    collect(snapshot.names.iter().map(|name| {
        let (fallback, pool) = match name.fallback {
            Fallback::Pool(pool) => (None, Some(&*snapshot.pools[pool.index()].name)),
            other => (Some(other), None),
        };
        let policy = &*snapshot.policies[name.policy.index()].name;
        (name.owner.to_lowercase().to_string(), (policy, fallback, pool, name.ttl, name.ttl_min, &name.services))
    }))
}

fn databases(snapshot: &Snapshot) -> Things<impl PartialEq> {
    let order = snapshot.databases.facts().into_iter().enumerate();
    collect(order.map(|(place, facts)| (facts.label.to_string(), (place, facts))))
}

fn settings(snapshot: &Snapshot) -> Things<impl PartialEq> {
    let canaries: Vec<_> = snapshot.canaries.iter().map(|canary| &snapshot.targets[canary.index()]).collect();
    let canaries: Vec<_> =
        canaries.into_iter().map(|target| (&target.address, &snapshot.checks[target.check.index()])).collect();
    collect(std::iter::once(("guard".to_owned(), (snapshot.guard, canaries))))
}

/// What the static records of a zone are, whatever their order. The SOA's serial does not count: it follows the time of
/// the files.
#[must_use]
pub fn fingerprint(records: &[Record]) -> u64 {
    let one = |record: &Record| {
        let mut hasher = DefaultHasher::new();
        let is_soa = record.rtype == crate::wire::code::rtype::SOA;
        let serial = record.rdata.len().wrapping_sub(20);
        let rdata = match record.rdata.get(serial..serial.wrapping_add(4)) {
            Some(_) if is_soa => (&record.rdata[..serial], &record.rdata[serial + 4..]),
            _ => (&record.rdata[..], &[][..]),
        };
        (&record.owner, record.rtype, record.ttl, rdata).hash(&mut hasher);
        hasher.finish()
    };
    records.iter().map(one).fold(records.len() as u64, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Options};
    use crate::geo::Databases;
    use std::sync::Arc;

    const ZONE: &str = r#"
zone = "example.com"
ns = ["ns.example.net"]
records.text = "static A 192.0.2.99\nother A 192.0.2.98"
[regions]
europe = { continents = ["EU", "AF"] }
[checks]
web = { type = "http", path = "/a" }
[pools]
one = { check = "web", endpoints = [{ name = "a", address = "192.0.2.1" }, { name = "b", address = "192.0.2.2" }] }
two = { check = "none", endpoints = ["192.0.2.3"] }
[policies]
world = { europe = ["one", "two"], default = ["two"] }
[names]
www = { policy = "world" }
"#;

    fn snapshot(text: &str) -> Snapshot {
        let loaded = config::load_text("zone.toml", text, &Options::default()).expect("a zone");
        Snapshot::build(loaded.spec, Arc::new(Databases::new(Vec::new()))).expect("it compiles")
    }

    /// What a replacement in the zone changes, in words.
    fn changed(from: &str, to: &str) -> Vec<String> {
        assert!(ZONE.contains(from), "{from}");
        let found = changes(&snapshot(ZONE), &snapshot(&ZONE.replace(from, to)));
        found.iter().map(|one| format!("{} {} {}", one.became.word(), one.thing.word(), one.name)).collect()
    }

    #[test]
    fn what_is_written_in_another_way_or_order_has_not_changed() {
        assert_eq!(changed("[regions]", "\n# a comment\n[regions]"), [""; 0]);
        assert_eq!(changed("[\"EU\", \"AF\"]", "[\"AF\", \"EU\"]"), [""; 0]);
        assert_eq!(
            changed("static A 192.0.2.99\\nother A 192.0.2.98", "other A 192.0.2.98\\nstatic A 192.0.2.99"),
            [""; 0]
        );
        assert_eq!(changed("two = {", "\n\ntwo = {"), [""; 0]);
        assert_eq!(changed("ns = [", "soa.serial = 7\nns = ["), [""; 0], "the serial alone is no change");
    }

    #[test]
    fn every_kind_of_change_is_named_once_and_where_it_stands() {
        assert_eq!(changed("192.0.2.99", "192.0.2.97"), ["changed zone example.com."]);
        assert_eq!(changed("ns = [", "soa.minimum = 7\nns = ["), ["changed zone example.com."]);
        assert_eq!(changed("[regions]", "ecs.max_scope_v4 = 20\n[regions]"), ["changed zone example.com."]);
        assert_eq!(changed(", \"AF\"]", "]"), ["changed region example.com./europe"]);
        assert_eq!(changed("\"/a\"", "\"/b\""), ["changed check example.com./web"]);
        assert_eq!(changed("check = \"none\",", "check = \"none\", answers = 2,"), ["changed pool example.com./two"]);
        assert_eq!(changed("\"192.0.2.2\"", "\"192.0.2.7\""), ["changed endpoint example.com./one/b"]);
        assert_eq!(changed("\"192.0.2.2\"", "\"192.0.2.2\", weight = 5"), ["changed endpoint example.com./one/b"]);
        assert_eq!(changed("[\"one\", \"two\"]", "[\"two\", \"one\"]"), ["changed policy example.com./world"]);
        assert_eq!(changed("\"world\" }", "\"world\", ttl = 7 }"), ["changed name www.example.com."]);
        let order = "{ name = \"b\", address = \"192.0.2.2\" }, { name = \"a\", address = \"192.0.2.1\" }";
        let written = "{ name = \"a\", address = \"192.0.2.1\" }, { name = \"b\", address = \"192.0.2.2\" }";
        assert_eq!(changed(written, order), ["changed pool example.com./one"]);
    }

    #[test]
    fn what_is_new_and_what_is_gone_is_listed_by_kind_and_name() {
        let new = "[names]\napi = { policy = \"world\" }";
        assert_eq!(changed("[names]", new), ["added name api.example.com."]);
        let renamed = ["added name web.example.com.", "removed name www.example.com."];
        assert_eq!(changed("\nwww = {", "\nweb = {"), renamed);
        let pool = "[policies]\nother = { default = [\"three\"] }\n[pools.three]\ncheck = \"none\"\nendpoints = [\"192.0.2.5\"]\n[policies.world]";
        let found = changed(
            "[policies]\nworld = { europe = [\"one\", \"two\"], default = [\"two\"] }",
            &format!("{pool}\neurope = [\"one\", \"two\"]\ndefault = [\"two\"]"),
        );
        assert_eq!(
            found,
            [
                "added pool example.com./three",
                "added endpoint example.com./three/192.0.2.5",
                "added policy example.com./other"
            ]
        );
        let both = changes(&snapshot(ZONE), &snapshot(&ZONE.replace("\"example.com\"", "\"example.org\"")));
        let zones: Vec<_> = both.iter().filter(|one| one.thing == Thing::Zone).map(|one| one.became).collect();
        assert_eq!(zones, [Became::Added, Became::Removed]);
    }
}
