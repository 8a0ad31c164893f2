//! The house rules as a test: who may know what, and how long a file and a function may be. It reads the
//! source as text, without a compiler: comments, strings and `#[cfg(test)]` modules are blanked, then every
//! path is taken apart.

#[path = "tidy/source.rs"]
mod source;

use source::{Source, manifest_lines, sources};

/// A room and what it must never know. Paths are prefixes by whole segments; `but` lifts single ones.
struct Wall {
    rooms: &'static [&'static str],
    never: &'static [&'static str],
    but: &'static [&'static str],
}

/// Pure code: bytes and values in, values out.
const PURE: &[&str] = &[
    "client",
    "cookies",
    "wire",
    "zone",
    "geo",
    "health",
    "pool",
    "steer",
    "snapshot",
    "respond",
    "rrl",
    "state",
    "worker",
    "writer",
    "id",
    "limits",
    "address",
    "overrides",
    "simulate",
    "dnssec",
    "transfer",
    "tsig",
    "update",
];

/// The table "What may know what"; the reasons stand at the modules.
const WALLS: &[Wall] = &[
    Wall {
        rooms: PURE,
        never: &[
            "tokio",
            "tracing",
            "hyper",
            "httparse",
            "tokio_rustls",
            "hickory_server",
            "domain",
            "axum",
            "rustls",
            "clap",
            "toml",
            "serde",
            "serde_json",
            "socket2",
            "libc",
            "arc_swap",
            "getrandom",
            "annotate_snippets",
            "std::fs",
            "std::env",
            "std::process",
            "std::time::Instant",
            "std::time::SystemTime",
            "std::net::UdpSocket",
            "std::net::TcpStream",
            "std::net::TcpListener",
            "crate::config",
            "crate::listen",
            "crate::probe",
            "crate::cli",
            "crate::daemon",
            "crate::publish",
            "crate::clock",
        ],
        but: &[],
    },
    Wall {
        rooms: &["zone"],
        never: &["crate::steer", "crate::geo", "crate::health", "crate::pool", "crate::client", "crate::snapshot"],
        // Plain data: the types that exist at a name, the records to build from, and whose client subnets count.
        but: &["crate::steer::Types", "crate::snapshot::ZoneSpec"],
    },
    Wall {
        rooms: &["geo"],
        never: &[
            "crate::client",
            "crate::wire",
            "crate::zone",
            "crate::health",
            "crate::pool",
            "crate::steer",
            "crate::snapshot",
            "crate::respond",
            "crate::state",
            "crate::worker",
            "crate::writer",
        ],
        but: &[],
    },
    Wall {
        rooms: &["health"],
        never: &["crate::zone", "crate::geo", "crate::pool", "crate::steer", "crate::snapshot", "crate::respond"],
        but: &[],
    },
    Wall {
        rooms: &["pool"],
        never: &["crate::geo", "crate::zone", "crate::steer", "crate::snapshot", "crate::respond"],
        // Where a pool stands, as data; the order of nearness is worked out at load.
        but: &["crate::geo::Coordinates"],
    },
    Wall { rooms: &["steer"], never: &["crate::zone", "crate::wire"], but: &["crate::wire::Name"] },
    Wall {
        rooms: &["wire"],
        never: &["crate::geo", "crate::health", "crate::pool", "crate::steer", "crate::snapshot", "crate::zone"],
        but: &[],
    },
    Wall {
        rooms: &["respond", "rrl", "cookies", "wire", "client", "address"],
        never: &["std::sync::Mutex", "std::sync::RwLock", "std::thread", "std::time", "crate::geo::Databases"],
        but: &[],
    },
    Wall {
        rooms: &["listen"],
        never: &[
            "crate::steer",
            "crate::geo",
            "crate::pool",
            "crate::health",
            "crate::zone",
            "crate::snapshot",
            "crate::config",
            "crate::probe",
            "crate::cli",
            "crate::writer",
        ],
        but: &[],
    },
    Wall { rooms: &["probe"], never: &["crate::zone", "crate::steer", "crate::respond", "crate::listen"], but: &[] },
];

/// What stands in a few files only, behind a name of ours: an external root (or path) and where.
const KEPT: &[(&str, &[&str])] = &[
    ("maxminddb", &["src/geo/mmdb.rs"]),
    (
        "hyper",
        &["src/probe/http/exchange.rs", "src/admin/connections.rs", "src/admin/stream.rs", "src/listen/streams/https/"],
    ),
    ("httparse", &["src/probe/http/message.rs"]),
    ("hyper_util", &["src/probe/http/exchange.rs", "src/admin/connections.rs", "src/listen/streams/https/"]),
    ("http_body_util", &["src/probe/http/exchange.rs", "src/admin/body.rs", "src/listen/streams/https/"]),
    ("base64", &["src/listen/streams/https/", "src/dnssec/", "src/cli/dnssec/", "src/daemon/tsig.rs"]),
    ("quinn", &["src/listen/streams/quic/"]),
    (
        "rustix",
        &[
            "src/probe/exec.rs",
            "src/probe/push/file.rs",
            "src/priority.rs",
            "src/rights/",
            "src/control/",
            "src/supervisor.rs",
        ],
    ),
    ("landlock", &["src/rights/files.rs"]),
    ("reqwest", &["src/web_client.rs"]),
    ("sd_notify", &["src/supervisor.rs"]),
    ("hickory_server", &["src/listen/hickory.rs"]),
    ("domain", &["src/config/"]),
    // Beside the system calls: the error numbers that say that a probe could not be judged.
    ("libc", &["src/listen/", "src/probe/reason.rs"]),
    ("siphasher", &["src/cookies/"]),
    ("arc_swap", &["src/publish.rs"]),
    ("std::time::Instant::now", &["src/clock.rs"]),
    ("std::time::SystemTime::now", &["src/clock.rs"]),
    ("clap", &["src/cli/", "src/main.rs"]),
    ("toml_edit", &["src/cli/fmt/"]),
    ("serde", &["src/config/", "src/cli/", "src/control/", "src/store/", "src/admin/", "src/report/"]),
    ("axum", &["src/admin/", "src/cli/demo/"]),
];

const FILE_LINES: usize = 600;
const FILE_LINES_AIM: usize = 400;
const FUNCTION_LINES: usize = 70;

/// Fails with everything that was found, one line each.
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}\n", found.join("\n  "));
}

#[test]
fn no_module_knows_what_it_must_not() {
    let mut found = Vec::new();
    for source in sources(&["src"]) {
        for wall in WALLS.iter().filter(|wall| wall.rooms.contains(&source.room())) {
            for (line, path) in source.paths() {
                let is = |prefix: &&str| source::starts(path, prefix);
                if wall.never.iter().any(is) && !wall.but.iter().any(is) {
                    found.push(format!("{}:{line}: `{}` must not know {path}", source.name(), source.room()));
                }
            }
        }
    }
    none("walls of the house", &found);
}

#[test]
fn libraries_stand_behind_one_file() {
    let mut found = Vec::new();
    for source in sources(&["src"]) {
        for (library, homes) in
            KEPT.iter().filter(|(_, homes)| !homes.iter().any(|home| source.name().starts_with(home)))
        {
            let uses = source.paths().iter().filter(|(_, path)| source::starts(path, library));
            found.extend(uses.map(|(line, path)| format!("{}:{line}: {path} stands in {homes:?} only", source.name())));
        }
    }
    none("libraries outside of their files", &found);
    let readers = sources(&["src/config"]).iter().filter(|source| source.uses("domain")).count();
    assert!(readers <= 1, "{readers} files of config know the zone-text reader");
}

#[test]
fn the_query_path_formats_nothing() {
    let hot = ["respond", "wire", "client", "address"];
    let mut found = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| hot.contains(&source.room())) {
        for name in ["format!", "println!", "eprintln!", "vec!"] {
            found.extend(source.lines_with(name).map(|line| format!("{}:{line}: {name}", source.name())));
        }
    }
    none("macros that allocate or write on the query path", &found);
}

#[test]
fn every_module_opens_with_its_purpose() {
    let all = sources(&["src", "tests", "examples", "benches"]);
    assert!(all.len() > 20, "the sources were not found: {}", all.len());
    let found = all.iter().filter(|source| !source.text().starts_with("//! ")).map(|source| source.name().to_owned());
    none("modules that do not open with `//! …`", &found.collect::<Vec<_>>());
}

#[test]
fn files_and_functions_are_short() {
    let mut found = Vec::new();
    let all = sources(&["src", "tests", "examples", "benches"]);
    for source in &all {
        let lines = source.text().lines().count();
        if lines > FILE_LINES {
            found.push(format!("{}: {lines} lines, at most {FILE_LINES}", source.name()));
        }
        for (line, name, lines) in source.functions().filter(|(_, _, lines)| *lines > FUNCTION_LINES) {
            found.push(format!("{}:{line}: fn {name} has {lines} lines, at most {FUNCTION_LINES}", source.name()));
        }
    }
    none("too long", &found);
    let long = all.iter().filter(|source| source.text().lines().count() > FILE_LINES_AIM).collect::<Vec<_>>();
    println!("{} of {} files have more than {FILE_LINES_AIM} lines", long.len(), all.len());
    long.iter().for_each(|source| println!("  {:4} {}", source.text().lines().count(), source.name()));
}

#[test]
fn nothing_unwraps_outside_of_tests() {
    let mut found = Vec::new();
    for source in sources(&["src", "examples"]) {
        found.extend(source.lines_with(".unwrap()").map(|line| format!("{}:{line}", source.name())));
    }
    none("`unwrap()` outside of tests", &found);
}

#[test]
fn unsafe_stands_in_one_file() {
    let all = sources(&["src", "tests", "examples", "benches"]);
    let found = all.iter().filter(|source| source.lines_with_word("unsafe").next().is_some());
    // The allocation test counts in a global allocator of its own, which cannot be written without.
    let homes = ["src/listen/sys.rs", "tests/allocation.rs"];
    let found = found.map(|source| source.name().to_owned()).filter(|name| !homes.contains(&name.as_str()));
    none("`unsafe`", &found.collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_open() {
    let mut found = Vec::new();
    for source in sources(&["src", "tests", "examples", "benches"]) {
        // Written apart, so that this file does not find itself.
        for mark in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!"), concat!("unimpl", "emented!")] {
            let lines = source.text().lines().enumerate().filter(|(_, line)| line.contains(mark));
            found.extend(lines.map(|(line, _)| format!("{}:{}: {mark}", source.name(), line + 1)));
        }
    }
    none("left open", &found);
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut above = String::new();
    for line in manifest_lines() {
        if line.starts_with('[') {
            section.clone_from(&line);
        } else if section.ends_with("dependencies]") && line.contains(" = ") && !above.starts_with("# ") {
            found.push(line.clone());
        }
        above = line;
    }
    none("dependencies without a reason", &found);
}

#[test]
fn the_reader_of_sources_sees_what_it_should() {
    let text = r##"//! x
use crate::{geo::{self, Map}, pool::Pool as P};
use super::super::steer;
/// crate::nothing
fn a() -> std::time::Instant { let _ = "crate::text"; std::time::Instant::now() }
#[cfg(test)]
mod tests { use crate::hidden; fn b() { x.unwrap() } }
fn c<'a>(c: char) { c == '"'; r#"tokio::x"#; tokio::spawn(y); }
"##;
    let source = Source::new("src/zone/tree/walk.rs", text);
    let paths = source.paths().iter().map(|(line, path)| format!("{line} {path}")).collect::<Vec<_>>();
    for want in ["2 crate::geo", "2 crate::geo::Map", "2 crate::pool::Pool", "3 crate::zone::steer"] {
        assert!(paths.iter().any(|path| path == want), "{want} not in {paths:?}");
    }
    assert!(
        paths.contains(&"5 std::time::Instant::now".into()) && paths.contains(&"8 tokio::spawn".into()),
        "{paths:?}"
    );
    assert!(!paths.iter().any(|path| ["nothing", "text", "hidden", "tokio::x"].iter().any(|bad| path.contains(bad))));
    assert_eq!(source.lines_with(".unwrap()").count(), 0);
    assert_eq!(source.functions().collect::<Vec<_>>(), [(5, "a".to_owned(), 1), (8, "c".to_owned(), 1)]);
    assert_eq!(source.room(), "zone");
}
