//! The zones that are measured, as text: the same map and data that the peers were measured with.

use std::fmt::Write as _;

/// Names of the large zone.
pub(crate) const NAMES: usize = 100_000;
/// Policies of the large zone; each has three pools of two endpoints.
pub(crate) const POLICIES: usize = 10_000;

const HEAD: &str = r#"zone = "example.com"
ns   = ["ns1.example.com"]
ttl  = 60

[records]
text = """
ns1    3600 A 127.0.0.1
static 60   A 192.0.2.1
static 60   A 192.0.2.2
"""

[regions]
eu = { continents = ["EU", "AF"] }
ap = { continents = ["AS", "OC"] }
us = { continents = ["NA", "SA"] }

"#;

/// Three regions of two continents each; `www` answers both addresses of the region's pool.
pub(crate) fn three_regions() -> String {
    let mut zone = HEAD.to_owned();
    zone.push_str("[pools]\n");
    for (region, first) in [("us", 1), ("eu", 11), ("ap", 21)] {
        let second = first + 1;
        writeln!(
            zone,
            r#"{region} = {{ balance = "all", check = "none", endpoints = ["192.0.2.{first}", "192.0.2.{second}"] }}"#
        )
        .expect("a String takes all");
    }
    zone.push_str("\n[names.www]\nttl = 60\n\n");
    policy(&mut zone, "names.www.policy", "");
    zone
}

/// The same, signed.
pub(crate) fn three_regions_signed() -> String {
    format!("{}\n[dnssec]\nenabled = true\n", three_regions())
}

/// The methods that a pool can pick by, with the name that is balanced by each.
pub(crate) const METHODS: [(&str, &str); 10] = [
    ("weighted", "weighted"),
    ("round-robin", "rr"),
    ("weighted-round-robin", "wrr"),
    ("failover", "failover"),
    ("hash", "hash"),
    ("nearest", "nearest"),
    ("all", "all"),
    ("least-connections", "conns"),
    ("least-load", "load"),
    ("least-response-time", "time"),
];

/// One name for each balance method over the same three regions; pools of four endpoints, one address an answer.
pub(crate) fn methods() -> String {
    balanced(&METHODS, 8.0)
}

/// The name `nearest` alone, whose pools have all four endpoints at one place.
pub(crate) fn equally_near() -> String {
    balanced(&[("nearest", "nearest")], 0.0)
}

/// Such names, where the members of a pool that picks the nearest are so many degrees apart.
fn balanced(methods: &[(&str, &str)], apart: f64) -> String {
    let mut zone = HEAD.to_owned();
    let places = [("us", 0, "[39.0, -77.5]"), ("eu", 10, "[50.1, 8.7]"), ("ap", 20, "[35.7, 139.7]")];
    for &(method, name) in methods {
        for (region, base, place) in places {
            write!(zone, "[pools.{name}-{region}]\nbalance = \"{method}\"\ncheck = \"none\"\nendpoints = [\n")
                .expect("a String takes all");
            for member in 1..=4 {
                let (address, weight) = (base + member, member);
                let shift = if method == "nearest" {
                    format!(", location = {}", shifted(place, apart * f64::from(member - 1)))
                } else {
                    String::new()
                };
                writeln!(zone, "  {{ address = \"192.0.2.{address}\", weight = {weight}{shift} }},")
                    .expect("a String takes all");
            }
            zone.push_str("]\n\n");
        }
        policy(&mut zone, &format!("policies.{name}"), &format!("{name}-"));
    }
    zone.push_str("[names]\n");
    for (_, name) in methods {
        writeln!(zone, "{name} = {{ policy = \"{name}\", ttl = 60 }}").expect("a String takes all");
    }
    zone
}

/// `names` names over `policies` policies, three pools a policy, two endpoints a pool, no checks.
pub(crate) fn many_names(names: usize, policies: usize) -> String {
    many_names_with(names, policies, "none", "")
}

/// The same, signed; the European pools are of one site, probed at an address and a port.
pub(crate) fn many_signed_names(names: usize, policies: usize, site: (std::net::Ipv4Addr, u16)) -> String {
    let (address, port) = site;
    let table = format!(
        "[checks.site]\ntype = \"http\"\nport = {port}\ninterval = \"1s\"\ntimeout = \"500ms\"\nfall = 2\nrise = 1\n\
         [dnssec]\nenabled = true\n"
    );
    let zone = many_names_with(names, policies, "none", &table);
    let probed = |line: &str| match line.split_once("eu = { balance = \"all\", check = \"none\", endpoints = [\"10.3.")
    {
        Some((pool, rest)) => {
            let (first, second) = rest.split_once("\", \"").expect("two endpoints");
            let second = second.trim_end_matches("\"] }");
            let probed = format!("check_address = \"{address}\"");
            format!(
                "{pool}eu = {{ balance = \"all\", check = \"site\", endpoints = [{{ address = \"10.3.{first}\", {probed} }}, \
                 {{ address = \"{second}\", {probed} }}] }}\n"
            )
        }
        None => format!("{line}\n"),
    };
    zone.lines().map(probed).collect()
}

/// The same with a check on every endpoint: its name, and the text of its table.
pub(crate) fn many_names_with(names: usize, policies: usize, check: &str, table: &str) -> String {
    let mut zone = String::with_capacity(64 * names + 600 * policies);
    zone.push_str(HEAD);
    zone.push_str(table);
    zone.push_str("[pools]\n");
    for policy in 0..policies {
        let (high, low) = (policy >> 8, policy & 255);
        for (region, first) in [("us", 1), ("eu", 3), ("ap", 5)] {
            let second = first + 1;
            writeln!(
                zone,
                r#"r{policy}{region} = {{ balance = "all", check = "{check}", endpoints = ["10.{first}.{high}.{low}", "10.{second}.{high}.{low}"] }}"#
            )
            .expect("a String takes all");
        }
    }
    zone.push('\n');
    for index in 0..policies {
        policy(&mut zone, &format!("policies.r{index}"), &format!("r{index}"));
    }
    zone.push_str("[names]\n");
    for name in 0..names {
        writeln!(zone, "n{name} = {{ policy = \"r{}\", ttl = 60 }}", name % policies).expect("a String takes all");
    }
    zone
}

/// The addresses that `name` of the large zone has in Europe.
pub(crate) fn european_addresses(name: usize) -> [String; 2] {
    let (high, low) = ((name % POLICIES) >> 8, (name % POLICIES) & 255);
    [format!("10.3.{high}.{low}"), format!("10.4.{high}.{low}")]
}

fn policy(zone: &mut String, table: &str, prefix: &str) {
    write!(
        zone,
        "[{table}]\n\
         eu      = [\"{prefix}eu\", \"{prefix}us\", \"{prefix}ap\"]\n\
         ap      = [\"{prefix}ap\", \"{prefix}us\", \"{prefix}eu\"]\n\
         us      = [\"{prefix}us\", \"{prefix}eu\", \"{prefix}ap\"]\n\
         default = [\"{prefix}us\", \"{prefix}eu\", \"{prefix}ap\"]\n\n"
    )
    .expect("a String takes all");
}

/// A place so many degrees further south.
fn shifted(place: &str, degrees: f64) -> String {
    let (latitude, longitude) = place.trim_matches(['[', ']']).split_once(',').expect("a pair");
    let latitude: f64 = latitude.trim().parse().expect("degrees");
    format!("[{:.1}, {}]", latitude - degrees, longitude.trim())
}
