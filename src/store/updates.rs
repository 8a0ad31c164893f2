//! `updates.json`: the records that dynamic updates have added, by zone.

use super::put;
use crate::limits::STATE_FILE_MAX;
use crate::wire::Name;
use crate::zone::Record;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

const FILE: &str = "updates.json";
const FORMAT: u32 = 1;

/// Records by zone, its apex in lower case.
pub type Updated = BTreeMap<Box<str>, Vec<Record>>;

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    zones: BTreeMap<Box<str>, Vec<One>>,
}

#[derive(Serialize, Deserialize)]
struct One {
    name: String,
    #[serde(rename = "type")]
    rtype: u16,
    ttl: u32,
    /// In hexadecimal, wire form.
    data: String,
}

/// Reads those of a state directory; none if there are none.
///
/// # Errors
/// They cannot be read.
pub fn read_updates(folder: &Path) -> io::Result<Updated> {
    let mut bytes = Vec::new();
    match File::open(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Updated::new()),
        file => file?.take(STATE_FILE_MAX).read_to_end(&mut bytes)?,
    };
    let kept: Kept = serde_json::from_slice(&bytes)?;
    let record = |one: One| {
        let owner = Name::parse(&one.name).ok()?.to_lowercase();
        Some(Record { owner, rtype: one.rtype, ttl: one.ttl, rdata: octets(&one.data)?.into() })
    };
    let zone = |(apex, records): (Box<str>, Vec<One>)| {
        Some((apex, records.into_iter().map(record).collect::<Option<Vec<_>>>()?))
    };
    let zones = kept.zones.into_iter().map(zone).collect::<Option<Updated>>();
    zones.filter(|_| kept.format == FORMAT).ok_or_else(|| io::Error::other(format!("{FILE}: not of this version")))
}

/// Puts them in place.
///
/// # Errors
/// Of the system; the file is then as it was before.
pub fn write_updates(folder: &Path, updated: &Updated) -> io::Result<()> {
    let one = |record: &Record| One {
        name: record.owner.to_string(),
        rtype: record.rtype,
        ttl: record.ttl,
        data: record.rdata.iter().map(|octet| format!("{octet:02x}")).collect(),
    };
    let zones = updated.iter().filter(|(_, records)| !records.is_empty());
    let zones = zones.map(|(apex, records)| (apex.clone(), records.iter().map(one).collect())).collect();
    put(folder, FILE, &serde_json::to_vec_pretty(&Kept { format: FORMAT, zones })?)
}

/// Moves a file that cannot be read out of the way.
///
/// # Errors
/// Of the system.
pub fn set_updates_aside(folder: &Path) -> io::Result<()> {
    fs::rename(folder.join(FILE), folder.join(format!("{FILE}.bad")))
}

fn octets(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let octet = |pair: &[u8]| match pair {
        [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
        }
        _ => None,
    };
    digits.map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_updates(folder.path()).unwrap(), Updated::new());
        let owner = Name::parse("_acme-challenge.\\000x\\.y.example.com").unwrap();
        let record = Record { owner, rtype: 16, ttl: 60, rdata: b"\x03a\x00\xff".as_slice().into() };
        let updated = Updated::from([("example.com.".into(), vec![record]), ("example.org.".into(), Vec::new())]);
        write_updates(folder.path(), &updated).unwrap();
        let read = read_updates(folder.path()).unwrap();
        assert_eq!((read.len(), read.get("example.com.")), (1, updated.get("example.com.")));
        for text in ["", "{}", r#"{"format":1,"zones":{"a.":[{"name":"a.","type":1,"ttl":1,"data":"0x"}]}}"#] {
            fs::write(folder.path().join(FILE), text).unwrap();
            assert!(read_updates(folder.path()).is_err(), "{text}");
        }
        set_updates_aside(folder.path()).unwrap();
        assert!(folder.path().join("updates.json.bad").exists());
    }
}
