//! The fuzz targets on stable, bounded: their corpora, mutations of these, and noise, from one seed. A target that falls
//! names the octets that made it fall. `GEOSTEER_FULL=1` sends a hundred times as many.

#[path = "../fuzz/entries.rs"]
mod entries;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Numbers that look random and are the same in every run (xorshift64*, Vigna 2016).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `most`, which is not 0.
    fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }
}

/// The files of a corpus, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A few octets changed, put in, taken out, repeated, or the rest cut off.
fn mutate(mut octets: Vec<u8>, numbers: &mut Numbers) -> Vec<u8> {
    const TELLING: [u8; 12] = [0, 1, 0x7f, 0x80, 0xc0, 0xff, b'"', b'\n', b'[', b'=', b'.', b'\\'];
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(octets.len() + 1);
        let value = if numbers.below(2) == 0 { numbers.next() as u8 } else { TELLING[numbers.below(TELLING.len())] };
        match numbers.below(6) {
            0 | 1 if at < octets.len() => octets[at] = value,
            2 => octets.insert(at, value),
            3 if at < octets.len() => drop(octets.remove(at)),
            4 if octets.len() < 64 << 10 => {
                let end = (at + 1 + numbers.below(32)).min(octets.len());
                let part = octets[at.min(end)..end].to_vec();
                octets.splice(at..at, part);
            }
            5 => octets.truncate(at),
            _ => {}
        }
    }
    octets
}

/// Calls a target with its corpus, so many mutations of it, and as much noise.
fn bounded(target: &str, count: usize, entry: fn(&[u8])) {
    let seeds = corpus(target);
    assert!(!seeds.is_empty(), "{target} has no corpus");
    let count = if std::env::var_os("GEOSTEER_FULL").is_some() { count * 100 } else { count };
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut tried = 0;
    let mut feed = |octets: &[u8]| {
        let outcome = catch_unwind(AssertUnwindSafe(|| entry(octets)));
        assert!(outcome.is_ok(), "{target} falls, input {tried}: {octets:02x?}");
        tried += 1;
    };
    seeds.iter().for_each(|seed| feed(seed));
    for _ in 0..count {
        let seed = seeds[numbers.below(seeds.len())].clone();
        feed(&mutate(seed, &mut numbers));
        let noise: Vec<u8> = (0..numbers.below(200)).map(|_| numbers.next() as u8).collect();
        feed(&noise);
    }
    println!("{target}: {tried} inputs");
}

#[test]
fn messages() {
    bounded("message", 20_000, entries::message);
}

#[test]
fn what_front_ends_send() {
    bounded("proxy", 20_000, entries::proxy);
}

#[test]
fn what_the_admin_server_is_sent() {
    bounded("admin", 200, entries::admin);
}

#[test]
fn options_of_edns() {
    bounded("edns", 20_000, entries::edns);
}

#[test]
fn zone_files() {
    bounded("zone_toml", 1_000, entries::zone_toml);
}

#[test]
fn zone_text() {
    bounded("zone_text", 1_000, entries::zone_text);
}

#[test]
fn server_files() {
    bounded("server_toml", 1_000, entries::server_toml);
}

#[test]
fn databases() {
    bounded("mmdb", 2_000, entries::mmdb);
}

#[test]
fn lines_of_the_control_socket() {
    bounded("control", 20_000, entries::control);
}

#[test]
#[ignore = "writes a small database into the corpus"]
fn a_database_for_the_corpus() {
    let mut writer = maxminddb_writer::Database::default();
    writer.metadata.database_type = "Test".into();
    writer.metadata.binary_format_major_version = 2;
    writer.metadata.build_epoch = 1_700_000_000;
    let record =
        serde_json::json!({ "country": { "iso_code": "US" }, "location": { "latitude": 34.05, "longitude": -118.24 } });
    let data = writer.insert_value(record).unwrap();
    for network in ["::11.0.0.0/104", "2a00::/16", "2001:db8::/32"] {
        writer.insert_node(network.parse::<maxminddb_writer::paths::IpAddrWithMask>().unwrap(), data);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/mmdb");
    std::fs::write(folder.join("country"), writer.write_to(Vec::new()).unwrap()).unwrap();
}
