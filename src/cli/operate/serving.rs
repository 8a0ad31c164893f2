//! `geosteer status --serving`: does this node answer DNS? For anycast and health checks of containers.

use super::Where;
use super::table::table;
use crate::control::{Answer, Request, ask};
use crate::daemon::{LISTEN, ServerSource, apexes, server};
use crate::error::Exit;
use crate::serving::{self, Found, Transport, Trouble, Verdict};
use crate::wire::Name;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Arguments of `geosteer status`.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// Ask this node's DNS sockets for every zone's SOA, over UDP and TCP, and nothing else: exit code 0 it answers, 1
    /// not everything or wrongly, 3 not at all. Endpoints' health never counts
    #[arg(long)]
    pub(super) serving: bool,
    #[command(flatten)]
    pub(super) server: Where,
}

/// Where DNS is answered, and for what.
type Sockets = (Vec<SocketAddr>, Vec<Name>);

/// Asks the node's own sockets.
pub(super) fn serving(place: &Where) -> Exit {
    let (addresses, zones) = match of_server(place).map_or_else(|| of_files(place), Ok) {
        Ok(sockets) => sockets,
        Err(exit) => return exit,
    };
    let found = serving::ask(&addresses, &zones);
    let (word, exit) = match serving::verdict(&found) {
        Verdict::Serves => ("serving", Exit::Ok),
        Verdict::Partly => ("partly", Exit::No),
        Verdict::Silent => ("silent", Exit::Failed),
    };
    if place.json {
        let sockets = found.iter().map(|one| view(one, zones.len())).collect::<Vec<_>>();
        println!("{:#}", json!({ "serving": word, "zones": zones.len(), "sockets": sockets }));
    } else {
        let rows = found.iter().map(|one| row(one, zones.len())).collect::<Vec<_>>();
        print!("{}", table(&["ADDRESS", "TRANSPORT", "ZONES", "NOTE"], &rows));
    }
    exit
}

/// What the running server says that it answers: what stands in its files may be newer, and half-written.
fn of_server(place: &Where) -> Option<Sockets> {
    let Ok(Answer::Serving(says)) = ask(&place.path().ok()?, &Request::Serving) else { return None };
    let addresses = says.addresses.iter().map(|address| address.parse().ok()).collect::<Option<_>>()?;
    let zones = says.zones.iter().map(|zone| Name::parse(zone).ok()).collect::<Option<_>>()?;
    Some((addresses, zones))
}

/// What its files say, for a server that has no control socket.
fn of_files(place: &Where) -> Result<Sockets, Exit> {
    let failed = |why: String| {
        eprintln!("{}", why.trim_end());
        Exit::Failed
    };
    let source = place.config.clone().map_or_else(|| ServerSource::Given(Box::default()), ServerSource::File);
    let (file, _) = server(&source).map_err(|error| failed(error.to_string()))?;
    let zones = apexes(&file).map_err(|report| {
        failed(format!(
            "error: no server answers at the control socket, and what it should answer cannot be read:\n{}",
            report.short()
        ))
    })?;
    let addresses = if file.dns.listen.is_empty() { vec![LISTEN] } else { file.dns.listen };
    Ok((addresses, zones))
}

fn words(found: &Found) -> (&'static str, &str) {
    let transport = match found.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
    };
    let note = match &found.trouble {
        None => "",
        Some(Trouble::Silent(why) | Trouble::Failed(why) | Trouble::Wrong(why)) => why,
    };
    (transport, note)
}

fn row(found: &Found, zones: usize) -> Vec<String> {
    let (transport, note) = words(found);
    vec![found.address.to_string(), transport.to_owned(), format!("{} of {zones}", found.right), note.to_owned()]
}

fn view(found: &Found, zones: usize) -> Value {
    let (transport, note) = words(found);
    let address = found.address.to_string();
    json!({ "address": address, "transport": transport, "right": found.right, "zones": zones, "note": note })
}
