//! Who the clients are: the address space, a list with weights, or what a query log has counted.

use crate::client::Family;
use crate::geo::Databases;
use crate::simulate::Population;
use ipnet::IpNet;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Whose clients are counted.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct Clients {
    /// Count these instead of the address space: lines of PREFIX,WEIGHT
    #[arg(long, value_name = "FILE", conflicts_with_all = ["query_log", "ipv6"])]
    clients: Option<PathBuf>,
    /// Count the queries of a query log: lines of JSON, of each its `subnet`, else its `client`
    #[arg(long, value_name = "FILE", conflicts_with = "ipv6")]
    query_log: Option<PathBuf>,
    /// Count the IPv6 address space, by blocks of 48 bits, instead of IPv4 by addresses
    #[arg(long)]
    ipv6: bool,
}

impl Clients {
    /// The clients with their places before and after.
    pub(in crate::cli) fn population(&self, databases: [&Databases; 2]) -> Result<Population, String> {
        let counted = match (&self.clients, &self.query_log) {
            (Some(file), _) => lines(file, csv)?,
            (_, Some(file)) => lines(file, logged)?,
            (None, None) => {
                let family = if self.ipv6 { Family::V6 } else { Family::V4 };
                let people = Population::of_space(databases, family).map_err(|error| error.to_string())?;
                return match people.total > 0.0 {
                    true => Ok(people),
                    false => Err("the databases know no network of this family".to_owned()),
                };
            }
        };
        let people = Population::of_clients(databases, counted);
        if people.total > 0.0 { Ok(people) } else { Err("the file counts no clients".to_owned()) }
    }
}

/// What one line says: nothing, a network and its weight, or why it cannot be read.
type Line = Result<Option<(IpNet, f64)>, String>;

/// Reads a file line by line; equal networks are added up.
fn lines(file: &Path, read: impl Fn(usize, &str) -> Line) -> Result<Vec<(IpNet, f64)>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut counts: HashMap<IpNet, f64> = HashMap::new();
    for (index, line) in BufReader::new(File::open(file).map_err(fail)?).lines().enumerate() {
        let line = line.map_err(fail)?;
        let found = read(index, line.trim()).map_err(|why| format!("{}:{}: {why}", file.display(), index + 1))?;
        if let Some((network, weight)) = found {
            *counts.entry(network).or_default() += weight;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|(network, _)| *network);
    Ok(counts)
}

/// `PREFIX,WEIGHT`; without a weight 1. A first line that begins with no prefix is a headline.
fn csv(index: usize, line: &str) -> Line {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (prefix, weight) = line.split_once([',', ';', '\t']).unwrap_or((line, "1"));
    let network = match network(prefix.trim().trim_matches('"')) {
        Some(network) => network,
        None if index == 0 => return Ok(None),
        None => return Err(format!("\"{prefix}\" is no network: a line is PREFIX,WEIGHT")),
    };
    let weight = weight.trim().trim_matches('"');
    let number = weight.parse::<f64>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0);
    Ok(Some((network, number.ok_or_else(|| format!("\"{weight}\" is no weight: a number from 0 on"))?)))
}

/// One JSON object; a client without a subnet counts by its address.
fn logged(_: usize, line: &str) -> Line {
    if line.is_empty() {
        return Ok(None);
    }
    let entry: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("no JSON object: {error}"))?;
    let text = |key: &str| entry.get(key).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    let Some(client) = text("subnet").or_else(|| text("client")) else {
        return Err("it has neither `subnet` nor `client`".to_owned());
    };
    let network = network(client).ok_or_else(|| format!("\"{client}\" is no address and no network"))?;
    Ok(Some((network, 1.0)))
}

/// A network, an address, or an address with a port; bits behind the prefix are cleared.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok().map(|network| network.trunc());
    let address = || text.parse::<IpAddr>().or_else(|_| text.parse().map(|at: std::net::SocketAddr| at.ip())).ok();
    network.or_else(|| address().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_list_is_a_prefix_and_a_weight() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        assert_eq!(csv(0, "prefix,weight"), Ok(None));
        assert_eq!(csv(1, "# a remark"), Ok(None));
        assert_eq!(csv(1, "193.0.6.77/24, 2.5"), Ok(Some((net("193.0.6.0/24"), 2.5))));
        assert_eq!(csv(1, "2001:db8::/32"), Ok(Some((net("2001:db8::/32"), 1.0))));
        assert!(csv(1, "prefix,weight").is_err() && csv(1, "193.0.6.0/24,-1").is_err());
    }

    #[test]
    fn a_line_of_a_log_counts_its_subnet_before_its_client() {
        let net = |text: &str| Ok(Some((text.parse::<IpNet>().unwrap(), 1.0)));
        assert_eq!(logged(0, r#"{"client":"9.9.9.9","subnet":"193.0.6.0/24"}"#), net("193.0.6.0/24"));
        assert_eq!(logged(0, r#"{"client":"9.9.9.9:4242"}"#), net("9.9.9.9/32"));
        assert!(logged(0, r#"{"name":"www"}"#).is_err() && logged(0, "text").is_err());
    }
}
