//! Zone files as data: broken ones with every place that must be named, whole ones that must load.

use geosteer::config::{CODES, Options, load, load_text};
use geosteer::health::CheckKind;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Broken files and what `geosteer check --format short` says of them. `UPDATE_EXPECTED=1` writes it anew.
#[test]
fn every_mistake_of_every_broken_file_is_named_at_its_place() {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir("tests/config").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 10, "the folder is not empty");
    for path in files {
        let said = match load(std::slice::from_ref(&path), &Options::default()) {
            Ok(loaded) => loaded.warnings.short(),
            Err(report) => report.short(),
        };
        let expected = path.with_extension("short");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&expected, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).expect("what is expected (UPDATE_EXPECTED=1 writes it)");
        assert_eq!(said, expected, "{}", path.display());
    }
}

#[test]
fn a_mistake_is_shown_in_rustc_s_shape() {
    let report = load(&["tests/config/broken.toml".into()], &Options::default()).unwrap_err();
    let human = report.human(false);
    let expected = r#"error[E021]: "UK" is not an ISO 3166-1 country code
 --> tests/config/broken.toml:5:46
  |
5 | europe = { continents = ["EU"], countries = ["UK", "NA"] }
  |                                              ^^^^ not a country code
  |
  = help: the code of the United Kingdom is "GB"

warning[W014]: "NA" as a country means Namibia
 --> tests/config/broken.toml:5:52
  |
5 | europe = { continents = ["EU"], countries = ["UK", "NA"] }
  |                                                    ^^^^ Namibia
  |
  = help: for North America write continents = ["NA"]
"#;
    assert!(human.starts_with(expected), "{human}");
    for (said, help) in [
        ("a check has no key `up_tresh`", "did you mean `rise`?"),
        ("a pool has no key `origins`", "did you mean `endpoints`?"),
        ("there is no pool \"nyk\"", "did you mean \"nyc\"?"),
        ("the same selector stands in the regions americas and brazil", "take one out"),
    ] {
        let from = human.find(said).unwrap_or_else(|| panic!("{said}\n{human}"));
        let one = human[from..].split("\n\n").next().unwrap();
        assert!(one.contains(help), "{one}");
    }
    assert!(human.contains("---- in americas"), "both places are shown\n{human}");
    assert!(report.human(true).contains("\u{1b}["), "colour when asked");
}

#[test]
fn a_zone_inside_another_one_that_does_not_delegate_it_is_named() {
    let warned = |outer: &str, inner: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let write = |apex: &str, records: &str| {
            let text =
                format!("zone = \"{apex}\"\nns = [\"ns.example.net\"]\nrecords.text = \"x A 192.0.2.1\\n{records}\"\n");
            std::fs::write(folder.path().join(format!("{apex}.toml")), text).unwrap();
        };
        write("Example.com", outer);
        inner.iter().for_each(|apex| write(apex, ""));
        let report = load(&[folder.path().to_owned()], &Options::default()).unwrap().warnings;
        let lines: Vec<String> =
            report.short().lines().map(|line| line.rsplit_once('/').unwrap().1.to_owned()).collect();
        lines
    };
    let line = |outer: &str, inner: &str| {
        format!(
            "{inner}.toml:1:1: warning[W055]: the zone {outer}. has no NS records for {inner}., which lies inside it"
        )
    };
    assert_eq!(warned("", &["sub.example.com"]), [line("Example.com", "sub.example.com")]);
    assert_eq!(warned("SUB NS ns.example.net.", &["sub.example.com", "example.org", "com"]).len(), 1);
    assert_eq!(warned("sub NS ns.example.net.", &["a.b.sub.example.com"]), [""; 0], "somebody else's");
    let deep = ["sub.example.com", "a.sub.example.com", "b.example.com"];
    let wanted = [line("sub.example.com", "a.sub.example.com"), line("Example.com", "b.example.com")];
    assert_eq!(warned("sub NS ns.example.net.\\na.sub NS ns.example.net.", &deep), wanted);
}

#[test]
fn every_code_is_met_by_some_broken_file() {
    let mut met = BTreeSet::new();
    for entry in std::fs::read_dir("tests/config").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "short") {
            let text = std::fs::read_to_string(path).unwrap();
            met.extend(CODES.iter().filter(|info| text.contains(&format!("[{}]", info.code))).map(|info| info.code));
        }
    }
    // Met by tests of their own: no files, include trouble, the server file, keys that only it has.
    met.extend(["E013", "E038", "E059", "E071", "W055", "W063", "W061"]);
    let missing: Vec<_> = CODES.iter().map(|info| info.code).filter(|code| !met.contains(code)).collect();
    assert!(missing.is_empty(), "no example of {missing:?}");
}

/// The example of the format's description, without the keys of later versions.
const EVERYTHING: &str = include_str!("config/everything.zone.toml.in");

#[test]
fn the_realistic_zone_of_the_format_loads() {
    let loaded =
        load_text("everything.toml", EVERYTHING, &Options::default()).map_err(|report| report.short()).unwrap();
    let spec = &loaded.spec;
    assert_eq!((spec.zones.len(), spec.pools.len(), spec.endpoints.len()), (1, 6, 10));
    assert_eq!(spec.names.len(), 5);
    assert_eq!(loaded.warnings.errors(), 0);
    let fra = spec.pools.iter().find(|pool| &*pool.name == "fra").unwrap();
    assert_eq!(*fra.domains, [0, geosteer::pool::ALONE], "by the rack of each endpoint");
    let www = spec.names.iter().find(|name| name.owner.to_string() == "www.cdn.example.com.").unwrap();
    assert_eq!((www.ttl, www.ttl_min), (20, 10));
    let world = &spec.policies[www.policy.index()];
    assert_eq!(&*world.name, "world");
    assert!(world.rows.last().unwrap().region.is_none(), "default is the last row");
    assert!(loaded.warnings.short().contains("na-east"), "regions without rows are named");
}

#[test]
fn a_number_written_twice_in_two_files_is_one_zone_twice() {
    let folder = tempfile::tempdir().unwrap();
    let text = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n";
    std::fs::write(folder.path().join("a.toml"), text).unwrap();
    std::fs::write(folder.path().join("b.toml"), text.replace("example.com", "EXAMPLE.com")).unwrap();
    let report = load(&[folder.path().into()], &Options::default()).unwrap_err();
    assert!(
        report.short().contains("b.toml:1:1: error[E009]: the zone EXAMPLE.com. is defined twice"),
        "{}",
        report.short()
    );
}

#[test]
fn an_empty_folder_is_said_and_serves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let short = load(&[folder.path().into()], &Options::default()).unwrap_err().short();
    assert!(short.contains("warning[W063]") && short.contains("error[E013]"), "{short}");
}

#[test]
fn zone_text_of_every_kind_is_read_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("z.toml", "zone = \"example.com\"\n[records]\nfile = \"z.zone\"\n");
    write(
        "z.zone",
        "$TTL 1d\n@ IN SOA ns.other. host ( 7 ; serial\n 1h 10m 1w 30 )\n  NS ns.other.\n\
         www 60 IN A 192.0.2.1\n IN 60 A 192.0.2.2\n@ TYPE65280 \\# 2 abcd\ntree DNAME other.\n\
         $ORIGIN sub\na A 192.0.2.3\n$INCLUDE inc.zone inc.example.com.\nb A 192.0.2.4\n\
         $GENERATE 1-3 h${10,3} A 192.0.2.$\n_sip._tcp SRV 1 2 5060 www.example.com.\nweb HTTPS 1 . alpn=\"h2,h3\"\n",
    );
    write("inc.zone", "x TXT \"a\" b\n");
    let loaded = load(&[folder.path().join("z.toml")], &Options::default()).map_err(|report| report.short()).unwrap();
    let records = &loaded.spec.zones[0].records;
    let owners: Vec<_> =
        records.iter().map(|record| format!("{} {} {}", record.owner, record.ttl, record.rtype)).collect();
    for expected in [
        "example.com. 86400 6",
        "www.example.com. 60 1",
        "example.com. 86400 65280",
        "tree.example.com. 86400 39",
        "a.sub.example.com. 86400 1",
        "x.inc.example.com. 86400 16",
        "b.sub.example.com. 86400 1",
        "h011.sub.example.com. 86400 1",
        "h013.sub.example.com. 86400 1",
        "_sip._tcp.sub.example.com. 86400 33",
        "web.sub.example.com. 86400 65",
    ] {
        assert!(owners.iter().any(|owner| owner == expected), "{expected} in {owners:#?}");
    }
    assert_eq!(loaded.files.len(), 3, "zone text and included files are watched too");
    let soa = records.iter().find(|record| record.rtype == 6).unwrap();
    assert!(soa.rdata.ends_with(&[0, 0, 0, 7, 0, 0, 14, 16, 0, 0, 2, 88, 0, 9, 58, 128, 0, 0, 0, 30]));
}

#[test]
fn included_files_stay_in_their_folder_and_do_not_go_in_circles() {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    std::fs::create_dir(&zones).unwrap();
    std::fs::write(folder.path().join("secret"), "x A 192.0.2.1\n").unwrap();
    let toml = "zone = \"example.com\"\nns = [\"ns.other\"]\n[records]\nfile = \"z.zone\"\n";
    std::fs::write(zones.join("z.toml"), toml).unwrap();
    let text = "$INCLUDE ../secret\n$INCLUDE z.zone\n$INCLUDE none\n$INCLUDE /etc/hostname\n";
    std::fs::write(zones.join("z.zone"), text).unwrap();
    let short = load(&[zones.join("z.toml")], &Options::default()).unwrap_err().short();
    let lines: Vec<_> = short.lines().filter(|line| line.contains("E059")).collect();
    assert_eq!(lines.len(), 4, "{short}");
    assert!(lines[1].contains("circle"), "{short}");
}

#[test]
fn a_mistake_in_zone_text_inside_toml_is_at_its_own_line() {
    let text = "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[records]\ntext = \"\"\"\n@ TXT \"é\"\n  A 192.0.2.999\n\"\"\"\n";
    let short = load_text("z.toml", text, &Options::default()).unwrap_err().short();
    assert!(short.starts_with("z.toml:6:5: error[E051]"), "{short}");
}

/// A hundred thousand names must not make the reading quadratic: ten times the names, about ten times the work.
#[test]
fn a_large_zone_loads() {
    use std::fmt::Write as _;
    let mut text = String::from("zone = \"example.com\"\nns = [\"ns.example.net\"]\n[pools]\n");
    for pool in 0..3_000 {
        let _ = writeln!(
            text,
            "p{pool} = {{ endpoints = [\"10.0.{}.{}\"], check = \"https://h{pool}/\" }}",
            pool >> 8,
            pool & 255
        );
    }
    text.push_str("[names]\n");
    for name in 0..10_000 {
        let _ = writeln!(text, "n{name} = {{ policy = {{ default = [\"p{}\"] }} }}", name % 3_000);
    }
    let loaded = load_text("large.toml", &text, &Options::default()).map_err(|report| report.short()).unwrap();
    assert_eq!((loaded.spec.names.len(), loaded.spec.checks.len()), (10_000, 3_000));
}

#[test]
fn nothing_of_a_path_is_needed_but_the_files() {
    assert!(load(&[Path::new("no/such/file.toml").into()], &Options::default()).unwrap_err().short().contains("E001"));
}

#[test]
fn a_client_certificate_is_read_with_its_key_and_both_must_fit() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let keys = [rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap()];
    let certificate = rcgen::CertificateParams::new(["prober".to_owned()]).unwrap().self_signed(&keys[0]).unwrap();
    write("prober.pem", &certificate.pem());
    write("prober.key", &keys[0].serialize_pem());
    write("other.key", &keys[1].serialize_pem());
    let read = |certificate: &str, key: &str| {
        let pair = format!("client_certificate = \"{certificate}\", client_key = \"{key}\"");
        write(
            "z.toml",
            &format!(
                "zone = \"example.com\"\nns = [\"ns.example.net\"]\n[checks]\nc = {{ type = \"https\", {pair} }}\n\
                 [pools]\np = {{ check = \"c\", endpoints = [\"192.0.2.1\"] }}\n"
            ),
        );
        load(&[folder.path().join("z.toml")], &Options::default()).map_err(|report| report.short())
    };
    let loaded = read("prober.pem", "prober.key").unwrap();
    let CheckKind::Http(check) = &loaded.spec.checks[0].kind else { panic!() };
    let identity = check.tls.as_ref().unwrap().identity.as_ref().unwrap();
    assert_eq!(*identity.chain[0], **certificate.der());
    assert!(loaded.files.iter().any(|file| file.path.ends_with("prober.key")), "its changes can be watched");
    for (certificate, key, said) in [
        ("prober.pem", "other.key", "4:71: error[E008]: the key does not fit the certificate"),
        ("prober.key", "prober.key", "4:44: error[E008]: the file has no certificate in PEM form"),
        ("prober.pem", "prober.pem", "4:71: error[E008]: the file has no private key in PEM form"),
        ("none.pem", "prober.key", "4:44: error[E001]: cannot read"),
    ] {
        let found = read(certificate, key).unwrap_err();
        assert!(found.contains(said), "{found}");
    }
}

const REFERENCE: &str = include_str!("../docs/zone-toml.md");

/// The part of the reference below the heading that names a table.
fn section<'a>(path: &str) -> &'a str {
    let heading = format!("`{path}`\n");
    let from = REFERENCE
        .match_indices("\n### ")
        .find(|(at, _)| REFERENCE[at + 1..].split_inclusive('\n').next().is_some_and(|line| line.ends_with(&heading)))
        .unwrap_or_else(|| panic!("no heading for {path}"))
        .0;
    let rest = &REFERENCE[from + 5..];
    &rest[..rest.find("\n### ").unwrap_or(rest.len())]
}

#[test]
fn the_reference_has_every_key_and_invents_none() {
    for table in geosteer::config::keys::TABLES {
        let section = section(table.path);
        let rows =
            section.split("\n\n").find(|part| part.starts_with("| key |")).unwrap_or_else(|| panic!("{}", table.path));
        let keys: Vec<_> = rows.lines().skip(2).map(|row| row.split('`').nth(1).unwrap()).collect();
        assert_eq!(keys, table.keys, "{}", table.path);
        assert!(rows.lines().all(|row| row.matches('|').count() == 4), "{}: key, default, meaning", table.path);
        let later =
            section.find("\nNot in this version: `").map_or("", |at| section[at..].split(['.', ';']).next().unwrap());
        let later: Vec<_> = later.split('`').skip(1).step_by(2).collect();
        assert_eq!(later, table.later, "{}", table.path);
    }
}

/// What a fragment of the reference leaves out.
const AROUND: [(&str, &str); 3] = [
    ("zone =", "zone = \"gslb.example.com\"\n"),
    ("ns   =", "ns = [\"ns1.example.net\"]\n"),
    (
        "[pools",
        "[pools]\nfra = { check = \"none\", endpoints = [\"192.0.2.10\"] }\nnyc = { check = \"none\", endpoints = [\"198.51.100.10\"] }\n\
         ams = { check = \"none\", endpoints = [\"192.0.2.20\"] }\n",
    ),
];

#[test]
fn every_example_of_the_reference_loads() {
    let mut count = 0;
    for block in REFERENCE.split("\n```toml").skip(1) {
        let (kind, body) = block.split_once('\n').unwrap();
        let body = body.split("\n```").next().unwrap();
        count += 1;
        if kind.trim() == "server" {
            geosteer::config::load_server_text("geosteer.toml", body)
                .map_err(|report| panic!("{}", report.short()))
                .unwrap();
            continue;
        }
        let (mut head, mut tail) = (String::new(), String::new());
        for (mark, text) in AROUND {
            let into = if mark.starts_with('[') { &mut tail } else { &mut head };
            into.push_str(if body.contains(mark) { "" } else { text });
        }
        let text = format!("{head}{body}\n{tail}");
        if let Err(report) = load_text("example.toml", &text, &Options::default()) {
            panic!("{text}\n{}", report.short());
        }
    }
    assert!(count > 12, "{count} examples");
}

/// Runs `geosteer check` and gives its exit code and output.
fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_geosteer")).arg("check").args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn check_ends_with_1_on_a_broken_file_and_with_0_on_a_whole_one() {
    let (code, said) = check(&["--format", "short", "tests/config/broken.toml"]);
    assert_eq!((code, said.as_str()), (Some(1), include_str!("config/broken.short")));
    let (code, said) = check(&["tests/config/broken.toml"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("^^^^ not a country code") && said.ends_with("5 errors, 1 warning\n"), "{said}");
    let (code, said) = check(&["--format", "json", "tests/config/broken.toml"]);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, json["errors"].as_u64()), (Some(1), Some(5)));
    let first = &json["diagnostics"][0];
    assert_eq!(
        (first["code"].as_str(), first["line"].as_u64(), first["column"].as_u64()),
        (Some("E021"), Some(5), Some(46))
    );

    let (code, said) = check(&["tests/config/warnings.toml"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 names, 3 policies, 3 pools, 3 endpoints, 2 regions"), "{said}");
    assert_eq!(check(&["no/such/file.toml"]).0, Some(1));
}

#[test]
fn check_says_how_long_a_fail_over_takes_at_worst() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("z.toml");
    std::fs::write(&file, EVERYTHING).unwrap();
    let (code, said) = check(&[file.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    // Three probes 10 s apart, each 5 % late, and 2 s for the last one to fail.
    assert!(said.contains("check edge  https every 10 s, fails over within 33.5 s"), "{said}");
    assert!(said.contains("policy world has no row for na-east, na-west, office"), "{said}");
}

mod arbitrary {
    use geosteer::config::{Options, load_server_text, load_text};
    use proptest::prelude::*;

    /// Pieces that make texts which are nearly zone files.
    fn pieces() -> impl Strategy<Value = String> {
        let words = prop::sample::select(vec![
            "zone = \"example.com\"\n",
            "ns = [\"ns.example.net\"]\n",
            "[regions]\n",
            "[pools]\n",
            "[names]\n",
            "[policies.p]\n",
            "[checks.c]\n",
            "[records]\n",
            "[ecs]\n",
            "[soa]\n",
            "[[pools]]\n",
            "text = \"\"\"\n",
            "\"\"\"\n",
            "eu = ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            "continents = [\"EU\"]",
            "countries = [\"UK\", \"\u{e9}\"]",
            "fra = { endpoints = [\"192.0.2.1\"] }\n",
            "endpoints = ",
            "default = [\"fra\"]\n",
            "{ fra = 1 }",
            "www = { policy = \"p\" }\n",
            "\"@\" = ",
            "policy = ",
            "www.policy.",
            "fallback = { pool = \"fra\" }",
            "ttl = \"30s\"\n",
            "@ 1h IN SOA a b 1 2 3 4 5\n",
            "x A 192.0.2.1\n",
            "( \n",
            ")",
            "\"",
            "'",
            "\\",
            "$GENERATE 1-9 a${0,3,x} A 1.2.3.$\n",
            "$ORIGIN .\n",
            "$INCLUDE /x\n",
            "\\u00e9",
            "\\# 4 0a",
            "TYPE9 ",
            "TXT ",
            "HTTPS 1 . alpn=",
            "\r\n",
            "\n",
            "\t",
            "#",
            "1979-05-27",
            "nan",
            "-1",
            "9999999999999999999999",
            "location = [91, 1e309]\n",
            "min_healthy = \"999%\"\n",
            "\u{0}",
            "\u{feff}",
        ]);
        prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
    }

    fn survives(text: &str) {
        for load in [
            load_text("x.toml", text, &Options::default()).map(|loaded| loaded.warnings),
            load_server_text("x.toml", text).map(|(_, warnings)| warnings),
        ] {
            let report = load.unwrap_or_else(|report| report);
            let _ = (report.human(true), report.short(), report.view().len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn no_text_makes_the_reader_panic(text in pieces()) {
            survives(&text);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(text in "\\PC{0,80}") {
            survives(&text);
        }

        #[test]
        fn a_whole_zone_with_one_piece_lost_or_doubled_is_read(at in 0usize..4_000, length in 0usize..40, double in any::<bool>()) {
            let mut text = super::EVERYTHING.to_owned();
            let mut from = at.min(text.len());
            while !text.is_char_boundary(from) { from -= 1; }
            let mut to = (from + length).min(text.len());
            while !text.is_char_boundary(to) { to -= 1; }
            let piece = text[from..to.max(from)].to_owned();
            text.replace_range(from..to.max(from), &if double { piece.repeat(2) } else { String::new() });
            survives(&text);
        }

        #[test]
        fn no_zone_text_makes_the_reader_panic(words in prop::collection::vec(prop::sample::select(vec![
            "@", "a", "*.b", " ", "\t", "\n", "\n ", "(", ")", "\"", ";", "\\", "\\0", "\\300", "A ", "MX 1 ", "TXT ", "192.0.2.1", "::1", "IN", "1h", "SOA ", "NS ", "x.",
            "$TTL 5\n", "$ORIGIN b\n", "$GENERATE 0-3 $ A 1.1.1.${1}\n", "\\# 2 00ff", "TYPE1", "HTTPS ", "1 . ech=", "RRSIG ", "NSEC a (", "CAA 0 issue ", "DNSKEY 1 3 8 AA==", "\u{e9}",
        ]), 0..30)) {
            let zone = words.concat().replace("'''", "");
            survives(&format!("zone = \"example.com\"\nns = [\"ns.other\"]\n[records]\ntext = '''\n{zone}\n'''\n"));
        }
    }
}

#[test]
fn a_name_may_be_delegated_to_the_zones_own_name_servers() {
    let zone = |ns: &str| {
        format!(
            "zone = \"example.com\"\nns = [{ns}]\n[records]\ntext = \"ns1 A 192.0.2.53\\nsub NS ns1\\nother NS ns1\"\n"
        )
    };
    let loaded = |ns: &str| load_text("zone.toml", &zone(ns), &Options::default());
    assert!(loaded("\"ns1.example.com.\"").is_ok());
    let twice = loaded("\"ns1.example.com.\", \"ns1.example.com\"").unwrap_err().short();
    assert!(twice.contains("error[E009]"), "{twice}");
}
