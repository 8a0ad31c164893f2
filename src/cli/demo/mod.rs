//! `geosteer demo`: the real server over the built-in zone, with toy endpoints to take down and bring back.

mod board;
mod screen;
mod toys;

use crate::admin::Token;
use crate::cli::run::Host;
use crate::config::AdminListen;
use crate::daemon::{LISTEN, Options, Server, ServerSource, Sources, Zones};
use crate::error::Exit;
use board::Board;
use std::net::SocketAddr;
use toys::Toys;

/// The zone that is served; also a file to read and to copy from.
const ZONE: &str = include_str!("../../../zones/gslb.example.com.toml");
/// What messages call it.
const ZONE_NAME: &str = "zones/gslb.example.com.toml";
/// The pools, each with the port that its check names in the zone.
const SITES: [(&str, u16); 5] = [("lon", 5381), ("nyc", 5382), ("sao", 5383), ("tyo", 5384), ("syd", 5385)];

/// Arguments of `geosteer demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Answer DNS here, over UDP and TCP
    #[arg(long, value_name = "ADDR", default_value_t = LISTEN)]
    listen: SocketAddr,
    /// Let the system choose the ports of the toy endpoints
    #[arg(long)]
    any_ports: bool,
}

/// Runs the verb.
#[must_use]
pub fn run(args: Args) -> Exit {
    let board = Board::install();
    // The signals first: one that comes while it starts must not be lost.
    let started = Host::new()
        .map_err(|error| format!("cannot start: {error}"))
        .and_then(|host| Ok((host, Demo::start(args.listen, args.any_ports)?)));
    let (host, demo) = match started {
        Ok(started) => started,
        Err(why) => {
            eprintln!("{}", why.trim_end());
            return Exit::Failed;
        }
    };
    board.wait_for(SITES.len());
    print!("{}", screen::table(&demo.server.state(), demo.dns(), &board));
    print!("{}", screen::lines(demo.dns(), demo.toys.addresses()[0]));
    print!("{}", demo.page());
    println!("\nCtrl-C stops. Changes of health:");
    board.print_changes();
    let Demo { server, toys, .. } = demo;
    let exit = host.serve(server);
    drop(toys);
    println!("stopped");
    exit
}

/// The running demo: toys first, then the server that probes them.
#[derive(Debug)]
struct Demo {
    server: Server,
    toys: Toys,
    token: String,
}

impl Demo {
    /// Starts toys and server; with `any_ports` the toys take ports that the system chooses.
    ///
    /// # Errors
    /// A port is taken, or the server cannot start; in words.
    fn start(listen: SocketAddr, any_ports: bool) -> Result<Self, String> {
        let sites = SITES.map(|(name, port)| (name, if any_ports { 0 } else { port }));
        let toys = Toys::start(&sites)?;
        let text = with_ports(ZONE, toys.addresses());
        let zones = Some(Zones::Text { name: ZONE_NAME.into(), text: text.into() });
        let sources = Sources { server: ServerSource::Given(Box::default()), zones };
        let admin = any_ports.then_some(AdminListen::At(SocketAddr::from(([127, 0, 0, 1], 0))));
        let word = Token::random().map_err(|error| format!("cannot start: {error}"))?;
        let token = Some(Token::new(word.as_bytes()));
        let (listen, threads) = (vec![listen], Some(1));
        let options = Options { listen, threads, tcp: None, state: None, admin, token, rights: None, sources };
        let server = Server::start(options).map_err(|error| error.to_string())?;
        Ok(Self { server, toys, token: word })
    }

    fn dns(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where the page is, if there is one; with what lets it take sites out and bring them back.
    fn page(&self) -> String {
        self.server.admin().map_or_else(String::new, |admin| screen::page(admin, &self.token))
    }
}

/// The zone with the ports that the toys really have.
fn with_ports(zone: &str, toys: &[SocketAddr]) -> String {
    SITES.iter().zip(toys).fold(zone.to_owned(), |text, ((_, port), toy)| {
        text.replace(&format!("port = {port}"), &format!("port = {}", toy.port()))
    })
}

#[cfg(test)]
mod tests;
