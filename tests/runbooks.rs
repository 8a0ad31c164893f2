//! `docs/runbooks.md`, run: each runbook on a server of its own, every command in it, and what it must say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

mod process;
use process::{BINARY, Process, run};

const RUNBOOKS: &str = include_str!("../docs/runbooks.md");
const SITES: [&str; 5] = ["lon", "nyc", "sao", "tyo", "syd"];
/// Only what never comes is waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// Commands that change nothing: what they say may take a moment to come true.
const READERS: [&str; 6] = ["status", "pools", "endpoints", "explain", "probe", "metrics"];

/// A line of a runbook that its test looks at.
enum Line<'a> {
    /// What has happened, between the lines.
    Scene(&'a str),
    /// A command, with the lines that its output must have.
    Command(&'a str, Vec<&'a str>),
}

/// The lines of a runbook.
fn lines(heading: &str) -> Vec<Line<'static>> {
    let title = format!("\n## {heading}\n");
    let from = RUNBOOKS.find(&title).unwrap_or_else(|| panic!("no runbook {heading}")) + title.len();
    let text = RUNBOOKS[from..].split("\n## ").next().unwrap();
    let (mut found, mut inside) = (Vec::new(), false);
    for line in text.lines() {
        let scene = line.strip_prefix("<!-- scene: ").and_then(|rest| rest.strip_suffix(" -->"));
        match (line, inside) {
            ("```console", _) => inside = true,
            ("```", _) => inside = false,
            (_, false) => found.extend(scene.map(Line::Scene)),
            (_, true) => match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push(Line::Command(command, Vec::new())),
                (None, Some(Line::Command(_, expected))) => expected.push(line),
                (None, _) => panic!("output of no command: {line}"),
            },
        }
    }
    found
}

/// The demo's zone on a server, whose sites are up and down by files.
struct Site {
    folder: tempfile::TempDir,
    /// Ends with the test.
    _server: Process,
}

impl Site {
    fn start(databases: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for part in ["zones", "health", "geo"] {
            std::fs::create_dir(path.join(part)).unwrap();
        }
        let demo = std::fs::read_to_string("zones/gslb.example.com.toml").unwrap();
        std::fs::write(path.join("zones/gslb.example.com.toml"), by_files(&demo)).unwrap();
        let server = format!(
            "zones = [\"zones\"]\nstate = \"state\"\n[dns]\nlisten = [\"127.0.0.1:0\"]\nthreads = 1\n\
             [guard]\nhold = \"1h\"\n[admin]\nlisten = \"off\"\n{databases}"
        );
        std::fs::write(path.join("geosteer.toml"), server).unwrap();
        if !databases.is_empty() {
            editions(path);
        }
        push(path, "up");
        let server = Process::start(run().args(["--config", "geosteer.toml"]).current_dir(path));
        server.address();
        let site = Self { folder, _server: server };
        // Before its first probes are in nobody is answered, and so nobody moves.
        site.expect("geosteer status", &["checks 5 targets, 0 without a verdict"]);
        site
    }

    /// Runs a command as a shell would.
    fn run(&self, command: &str) -> Output {
        let path = format!("{}:{}", bin().display(), std::env::var("PATH").unwrap());
        Command::new("sh")
            .args(["-euc", command])
            .current_dir(self.folder.path())
            .envs([("PATH", path.as_str()), ("GEOSTEER_SOCKET", "state/admin.sock"), ("EDITOR", "./editor")])
            .output()
            .unwrap()
    }

    /// Runs a command; it must end as the runbook says, and its output must have these lines in their order.
    fn expect(&self, command: &str, expected: &[&str]) {
        let reads = command.split(' ').nth(1).is_some_and(|verb| READERS.contains(&verb));
        let code = command.split("# exit code ").nth(1).map_or(0, |code| code.parse().unwrap());
        let until = geosteer::clock::instant() + PATIENCE;
        loop {
            let output = self.run(command);
            let said = String::from_utf8(output.stdout).unwrap();
            let missing = missing(&said, expected);
            if output.status.code() == Some(code) && missing.is_none() {
                return;
            }
            let again = reads && geosteer::clock::instant() < until;
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(again, "$ {command}\n{said}{errors}{}\nnot there: {missing:?}", output.status);
            // Others want the processor too; when it is so does not depend on how often it is looked at.
            std::thread::park_timeout(PAUSE);
        }
    }

    fn scene(&self, what: &str) {
        let folder = self.folder.path();
        match what {
            "lon is drained" => self.expect("geosteer drain pool/lon --reason 'new disks'", &[]),
            "syd was drained long ago" => {
                self.expect("geosteer drain pool/syd --reason 'new disks' --owner ann", &[]);
            }
            "every site fails" => push(folder, "down"),
            "every site is well" => push(folder, "up"),
            "a database of its own, and a new edition" => assert!(folder.join("new.mmdb").exists()),
            _ => panic!("no such scene: {what}"),
        }
    }
}

fn bin() -> PathBuf {
    Path::new(BINARY).parent().unwrap().to_owned()
}

/// The demo's checks ask toys; these read a file for each site.
fn by_files(demo: &str) -> String {
    let line = |line: &str| match line.split_once(" = { type = \"http\"") {
        Some((site, _)) => format!(
            "{site} = {{ type = \"push\", file = \"../health/{site}\", expires = \"1h\", interval = \"1s\", fall = 2 }}\n"
        ),
        None => format!("{line}\n"),
    };
    let text: String = demo.lines().map(line).collect();
    assert_eq!(text.matches("push").count(), SITES.len(), "{text}");
    text
}

/// Every site says this of itself from now on.
fn push(folder: &Path, state: &str) {
    for site in SITES {
        std::fs::write(folder.join("new"), state).unwrap();
        std::fs::rename(folder.join("new"), folder.join("health").join(site)).unwrap();
    }
}

/// The embedded database as a file, and the same built at another time.
fn editions(folder: &Path) {
    let packed = std::fs::File::open("geodb/dbip-country.mmdb.zst").unwrap();
    let mut bytes = zstd::stream::decode_all(packed).unwrap();
    std::fs::write(folder.join("geo/country.mmdb"), &bytes).unwrap();
    let key = b"build_epoch";
    let at = bytes.windows(key.len()).rposition(|part| part == key).unwrap() + key.len();
    // A control octet with the length, one with the type, then the number.
    let length = usize::from(bytes[at] & 31);
    bytes[at + 1 + length] ^= 1;
    std::fs::write(folder.join("new.mmdb"), &bytes).unwrap();
}

/// The first of the expected lines that does not come after those before it.
fn missing<'a>(said: &str, expected: &[&'a str]) -> Option<&'a str> {
    let mut lines = said.lines();
    expected.iter().find(|pattern| **pattern != "…" && !lines.any(|line| fits(line, pattern))).copied()
}

/// Whether a line is as a pattern says: `…` is anything, and blanks are one blank.
fn fits(line: &str, pattern: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, pattern) = (words(line), words(pattern));
    let parts: Vec<_> = pattern.split('…').map(str::trim).collect();
    let [first, middle @ .., last] = parts.as_slice() else { return line == pattern };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Runs a runbook from its beginning to its end.
fn runbook(heading: &str, databases: &str) {
    let site = Site::start(databases);
    let editor = "#!/bin/sh\nsed -i '/^\\[regions\\]/,/^\\[pools/s|^north-america .*|north-america = { continents = [\"NA\"], networks = [\"193.0.6.0/24\"] }|' \"$1\"\n";
    std::fs::write(site.folder.path().join("editor"), editor).unwrap();
    site.expect("chmod +x editor", &[]);
    let lines = lines(heading);
    assert!(lines.len() > 4, "{heading} is no runbook");
    for line in lines {
        match line {
            Line::Scene(what) => site.scene(what),
            Line::Command(command, expected) => site.expect(command, &expected),
        }
    }
}

#[test]
fn a_site_is_evacuated() {
    runbook("Evacuate a site", "");
}

#[test]
fn a_site_is_brought_back_slowly() {
    runbook("Bring it back slowly", "");
}

#[test]
fn all_pools_are_down() {
    runbook("All pools down", "");
}

#[test]
fn a_user_is_in_the_wrong_region() {
    runbook("A user in the wrong region", "");
}

#[test]
fn a_database_is_updated_and_put_back() {
    runbook("Update the database, and go back", "[geo]\ndatabases = [\"geo/country.mmdb\"]\n");
}

#[test]
fn an_override_was_forgotten() {
    runbook("An override forgotten", "");
}

/// The runbook whose commands need a service manager or replace the server: `takeover` and `supervised` run them.
const RUN_ELSEWHERE: &str = "Upgrade without a gap";

/// Where a heading is linked to.
fn anchor(heading: &str) -> String {
    let plain = heading.to_lowercase();
    plain.chars().filter(|c| c.is_alphanumeric() || *c == ' ').map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_runbook_is_run_and_alerts_lead_to_runbooks_that_exist() {
    let headings: Vec<_> = RUNBOOKS.split("\n## ").skip(1).map(|section| section.lines().next().unwrap()).collect();
    let this = include_str!("runbooks.rs");
    for heading in &headings {
        let is_run = *heading == RUN_ELSEWHERE || this.contains(&format!("runbook(\"{heading}\""));
        assert!(is_run, "no test runs {heading}");
        assert!(RUNBOOKS.contains(&format!("[{heading}](#{})", anchor(heading))), "{heading} is not in the table");
    }
    let rules = include_str!("../deploy/prometheus/alerts.yml");
    let mut linked = 0;
    for link in rules.split("docs/runbooks.md#").skip(1) {
        let link = link.split('"').next().unwrap();
        assert!(headings.iter().any(|heading| anchor(heading) == link), "no runbook {link}");
        linked += 1;
    }
    assert!(linked >= 5, "{linked} alerts have a runbook");
}

#[test]
fn a_line_fits_its_pattern() {
    for (line, pattern, right) in [
        ("a  b   c", "a b c", true),
        ("a b c", "a … c", true),
        ("safe at 12:00 UTC, in 7s (x)", "safe at …, in …s (x)", true),
        ("a b", "a b c", false),
        ("a b c d", "a … c", false),
        ("b c", "a …", false),
    ] {
        assert_eq!(fits(line, pattern), right, "{line} | {pattern}");
    }
    assert_eq!(missing("one\ntwo\n", &["two", "one"]), Some("one"));
    assert_eq!(missing("one\ntwo\n", &["one", "…", "two"]), None);
}
