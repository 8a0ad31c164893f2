//! `geosteer explain`: how a name is answered for a client, and why. The running server is asked, if there is one; else,
//! or if `--zones` or something supposed (`--down`) is given, the live code runs on the zones as they stand in the files,
//! and every endpoint counts as up unless `--down` names it.

mod human;
mod live;
mod supposed;

pub use human::{Paint, human};

use super::operate::Where;
use crate::daemon::{self, LoadError, ServerSource, Zones};
use crate::error::Exit;
use crate::health::Load;
use crate::id::EndpointId;
use crate::report::{self, Question, Report, nearest};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::steer::Observed;
use hickory_proto::rr::RecordType;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `geosteer explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name, such as www.gslb.example.com
    name: String,
    /// Who asks: a client subnet such as 193.0.6.0/24; without a length one address, as dig's +subnet has it
    #[arg(long, value_name = "IP[/LEN]", value_parser = report::client)]
    client: (IpAddr, Option<u8>),
    /// The record type
    #[arg(long, value_name = "TYPE", default_value = "A", value_parser = parse_type)]
    r#type: RecordType,
    /// The address that the query comes from: it decides where the client subnet does not
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    resolver: IpAddr,
    /// Zone files, or directories of them; instead of the server file's `zones` [default: zones]
    #[arg(long, value_name = "DIR")]
    zones: Vec<PathBuf>,
    /// What is taken as down: pool/NAME or endpoint/POOL/NAME; may be given several times
    #[arg(long, value_name = "TARGET")]
    down: Vec<String>,
    /// The load that an endpoint reports: endpoint/POOL/NAME=NUMBER (or pool/NAME=NUMBER: each of its endpoints)
    #[arg(long, value_name = "TARGET=NUMBER")]
    load: Vec<String>,
    /// How long an endpoint's probes take, in milliseconds; written like --load
    #[arg(long, value_name = "TARGET=MS")]
    time: Vec<String>,
    /// Ask the running server, and nothing else
    #[arg(long, conflicts_with_all = ["zones", "down", "load", "time"])]
    live: bool,
    /// As health was then: seconds since 1970, or how long ago, like 10m; as far as the server remembers
    #[arg(long, value_name = "TIME", value_parser = live::moment, conflicts_with_all = ["zones", "down", "load", "time"])]
    at: Option<u64>,
    #[command(flatten)]
    server: Where,
}

impl Args {
    /// It is about files and what is supposed, not about the running server.
    fn is_of_files(&self) -> bool {
        !(self.zones.is_empty() && self.down.is_empty() && self.load.is_empty() && self.time.is_empty())
    }
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    if !args.is_of_files() && (args.live || args.at.is_some() || args.server.is_there()) {
        return match live::explain(&args) {
            Ok(report) => show(&report, args.server.json),
            Err(exit) => exit,
        };
    }
    if let Some(socket) = args.server.socket.as_ref().filter(|_| !args.is_of_files()) {
        eprintln!("note: no server listens at {}: this is what the files say", socket.display());
    }
    let (snapshot, listen) = match snapshot(args.server.config.clone(), args.zones.clone()) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("{}", error.to_string().trim_end());
            return Exit::Failed;
        }
    };
    let state = match state(snapshot, &args) {
        Ok(state) => state,
        Err(why) => return usage(&why),
    };
    let (address, bits) = args.client;
    let subnet = (address, bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 }));
    let question = Question { name: args.name, rtype: args.r#type, subnet, resolver: args.resolver };
    match Report::new(&state, &question) {
        Ok(Some(mut report)) => {
            report.notes.extend(supposed::note(&state));
            if let Some(listen) = listen {
                report.listens(listen, &question);
            }
            show(&report, args.server.json)
        }
        Ok(None) => {
            eprintln!("error: the server would not answer this at all");
            Exit::No
        }
        Err(why) => usage(&why),
    }
}

/// The state that the arguments describe.
fn state(snapshot: Arc<Snapshot>, args: &Args) -> Result<State, String> {
    let failed = failed(&snapshot, &args.down)?;
    let loads = numbers(&snapshot, &args.load, "--load")?;
    let times = numbers(&snapshot, &args.time, "--time")?;
    Ok(State::offline_with(snapshot, |id| Observed {
        load: loads.get(&id).copied().and_then(Load::new),
        time_us: [times.get(&id).map(|time_ms| (time_ms * 1_000.0) as u32); 2],
        ..if failed.contains(&id) { Observed::DOWN } else { Observed::UP }
    }))
}

/// The numbers of endpoints, each as `TARGET=NUMBER`.
fn numbers(snapshot: &Snapshot, given: &[String], option: &str) -> Result<HashMap<EndpointId, f64>, String> {
    let mut numbers = HashMap::new();
    for text in given {
        let parts = text.rsplit_once('=').and_then(|(target, number)| Some((target, number.parse::<f64>().ok()?)));
        let (target, number) = parts
            .filter(|(_, number)| Load::new(*number).is_some())
            .ok_or_else(|| format!("{option} is endpoint/POOL/NAME=NUMBER, not \"{text}\""))?;
        numbers.extend(failed(snapshot, &[target.to_owned()])?.into_iter().map(|id| (id, number)));
    }
    Ok(numbers)
}

/// Reads and compiles, as the server would; and the first address that the server file has it listen on.
fn snapshot(config: Option<PathBuf>, zones: Vec<PathBuf>) -> Result<(Arc<Snapshot>, Option<SocketAddr>), LoadError> {
    let source = config.map_or_else(|| ServerSource::Given(Box::default()), ServerSource::File);
    let (server, _) = daemon::server(&source)?;
    let zones = (!zones.is_empty()).then_some(Zones::Paths(zones));
    Ok((daemon::load(&server, zones.as_ref())?.snapshot, server.dns.listen.first().copied()))
}

fn usage(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::Usage
}

/// Prints; a name that is not balanced here is a "no".
fn show(report: &Report, json: bool) -> Exit {
    if json {
        println!("{}", serde_json::to_string_pretty(report).expect("strings and numbers are JSON"));
    } else {
        print!("{}", human(report, Paint::of_stdout()));
    }
    if matches!(report.rcode.as_str(), "NXDOMAIN" | "REFUSED") { Exit::No } else { Exit::Ok }
}

fn parse_type(text: &str) -> Result<RecordType, String> {
    report::record_type(text).ok_or_else(|| format!("\"{text}\" is no record type"))
}

/// The endpoints that targets stand for: `pool/NAME`, `endpoint/POOL/NAME`. A name that several zones have stands
/// for all of them.
///
/// # Errors
/// A target that is not written so, or that nothing is called.
pub fn failed(snapshot: &Snapshot, targets: &[String]) -> Result<Vec<EndpointId>, String> {
    let mut failed = Vec::new();
    for target in targets {
        let (pool, endpoint) = match target.split('/').collect::<Vec<_>>()[..] {
            ["pool", pool] => (pool, None),
            ["endpoint", pool, endpoint] => (pool, Some(endpoint)),
            _ => return Err(format!("a target is pool/NAME or endpoint/POOL/NAME, not \"{target}\"")),
        };
        let pools = snapshot.pools.iter().filter(|known| &*known.name == pool).collect::<Vec<_>>();
        if pools.is_empty() {
            let known = snapshot.pools.iter().map(|known| &*known.name);
            return Err(format!("no pool is called \"{pool}\"{}", nearest(pool, known)));
        }
        let endpoints = pools.iter().flat_map(|pool| pool.endpoints()).collect::<Vec<_>>();
        let name = |id: &EndpointId| &*snapshot.endpoints[id.index()].name;
        let before = failed.len();
        failed.extend(endpoints.iter().copied().filter(|id| endpoint.is_none_or(|wanted| wanted == name(id))));
        if let Some(endpoint) = endpoint.filter(|_| failed.len() == before) {
            let known = endpoints.iter().map(name);
            return Err(format!("pool {pool} has no endpoint \"{endpoint}\"{}", nearest(endpoint, known)));
        }
    }
    Ok(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOLS: &str = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks]\nweb = { type = \"http\" }\n\
        [names.www.policy]\ndefault = [\"p\"]\n[pools.p]\ncheck = \"web\"\nload = { field = \"n\" }\n\
        endpoints = [{ name = \"a\", address = \"192.0.2.1\" }, { name = \"b\", address = \"192.0.2.2\" }, \
        { name = \"c\", address = \"192.0.2.3\" }]\n";

    fn report(balance: &str, load: &[&str], time: &[&str]) -> Result<Report, String> {
        let text = format!("{POOLS}balance = \"{balance}\"\n");
        let loaded = crate::config::load_text("z.toml", &text, &crate::config::Options::default());
        let spec = loaded.map_err(|report| report.short())?.spec;
        let snapshot = Arc::new(Snapshot::build(spec, crate::steer::fixture::databases()).unwrap());
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let args = Args {
            name: "www.example.com".into(),
            client: ([20, 0, 0, 0].into(), Some(24)),
            r#type: RecordType::A,
            resolver: Ipv4Addr::LOCALHOST.into(),
            zones: Vec::new(),
            live: false,
            at: None,
            server: Where { socket: None, config: None, json: false },
            down: Vec::new(),
            load: words(load),
            time: words(time),
        };
        let state = state(snapshot, &args)?;
        let subnet = (args.client.0, 24);
        let question = Question { name: args.name, rtype: args.r#type, subnet, resolver: args.resolver };
        Report::new(&state, &question).map(Option::unwrap)
    }

    #[test]
    fn each_method_by_load_or_time_has_a_line_with_its_numbers() {
        let loads = ["endpoint/p/a=10", "endpoint/p/b=20"];
        let text = |report: &Report| human(report, Paint(false));
        let by_load = report("least-connections", &loads, &[]).unwrap();
        let said = text(&by_load);
        for line in [
            "least-connections: of two drawn by weight the one with fewer connections per weight; the pool's load is 30",
            "66.7 % (least-connections), load 10",
            "0 % (least-connections), load 20",
            "33.3 % (least-connections), no fresh load",
        ] {
            assert!(said.contains(line), "no {line:?} in\n{said}");
        }
        let json = serde_json::to_value(&by_load).unwrap();
        let endpoint = |index: usize| json["trail"][0]["endpoints"][index].clone();
        assert_eq!((&endpoint(0)["load"], &endpoint(0)["stale"]), (&10.0.into(), &false.into()));
        assert_eq!((&endpoint(2)["load"], &endpoint(2)["stale"]), (&serde_json::Value::Null, &true.into()));
        assert_eq!(json["trail"][0]["load"], 30.0);

        let utilised = text(&report("least-load", &["pool/p=0.5"], &[]).unwrap());
        assert_eq!(utilised.matches("33.3 % (least-load), load 0.5").count(), 3, "{utilised}");

        let times = ["endpoint/p/a=10", "endpoint/p/b=10.5", "endpoint/p/c=12"];
        let by_time = text(&report("least-response-time", &["pool/p=0"], &times).unwrap());
        for line in [
            "least-response-time: lowest probe time × (1 + 0.1 × connections); within 10 % by weight; the pool's load is 0",
            "50 % (least-response-time), load 0, 10 ms",
            "50 % (least-response-time), load 0, 10.5 ms",
            "0 % (least-response-time), load 0, 12 ms",
        ] {
            assert!(by_time.contains(line), "no {line:?} in\n{by_time}");
        }
        let plain = report("weighted", &[], &[]).unwrap();
        assert!(plain.trail[0].method.is_none());
    }

    #[test]
    fn a_number_that_is_none_is_refused() {
        for wrong in ["endpoint/p/a", "endpoint/p/a=many", "endpoint/p/a=-1", "a=1"] {
            assert!(report("least-load", &[wrong], &[]).is_err(), "{wrong}");
        }
        assert!(report("least-load", &["endpoint/p/x=1"], &[]).unwrap_err().contains("did you mean"));
    }
}
