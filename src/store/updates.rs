//! `updates.json`: the records that dynamic updates have added, by zone.

use super::put;
use crate::limits::STATE_FILE_MAX;
use crate::wire::Name;
use crate::zone::Record;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
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

/// Why the records cannot be read.
#[derive(Debug)]
pub enum Unread {
    /// The system does not give the file, or it is larger than any of ours: it may be good, and must stay.
    Kept(io::Error),
    /// It was read whole, and is not what we write.
    Broken(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(error) => error.fmt(f),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Unread {}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Kept(error)
    }
}

/// Reads those of a state directory; none if there are none.
///
/// # Errors
/// They cannot be read.
pub fn read_updates(folder: &Path) -> Result<Updated, Unread> {
    let file = match File::open(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Updated::new()),
        file => file?,
    };
    if file.metadata()?.len() > STATE_FILE_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
    }
    let mut bytes = Vec::new();
    file.take(STATE_FILE_MAX).read_to_end(&mut bytes)?;
    parsed(&bytes).map_err(Unread::Broken)
}

fn parsed(bytes: &[u8]) -> Result<Updated, String> {
    let kept: Kept = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let record = |one: One| {
        let owner = Name::parse(&one.name).ok()?.to_lowercase();
        Some(Record { owner, rtype: one.rtype, ttl: one.ttl, rdata: octets(&one.data)?.into() })
    };
    let zone = |(apex, records): (Box<str>, Vec<One>)| {
        Some((apex, records.into_iter().map(record).collect::<Option<Vec<_>>>()?))
    };
    let zones = kept.zones.into_iter().map(zone).collect::<Option<Updated>>();
    zones.filter(|_| kept.format == FORMAT).ok_or_else(|| format!("{FILE}: not of this version"))
}

/// Puts them in place.
///
/// # Errors
/// Of the system, or they are more than can be read again; the file is then as it was before.
pub fn write_updates(folder: &Path, updated: &Updated) -> io::Result<()> {
    write_at_most(folder, updated, STATE_FILE_MAX)
}

fn write_at_most(folder: &Path, updated: &Updated, most: u64) -> io::Result<()> {
    let one = |record: &Record| One {
        name: record.owner.to_string(),
        rtype: record.rtype,
        ttl: record.ttl,
        data: record.rdata.iter().map(|octet| format!("{octet:02x}")).collect(),
    };
    let zones = updated.iter().filter(|(_, records)| !records.is_empty());
    let zones = zones.map(|(apex, records)| (apex.clone(), records.iter().map(one).collect())).collect();
    let bytes = serde_json::to_vec_pretty(&Kept { format: FORMAT, zones })?;
    if bytes.len() as u64 > most {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    put(folder, FILE, &bytes)
}

/// Moves a file that is not what we write out of the way.
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
            assert!(matches!(read_updates(folder.path()), Err(Unread::Broken(_))), "{text}");
        }
        set_updates_aside(folder.path()).unwrap();
        assert!(folder.path().join("updates.json.bad").exists());
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written_and_what_the_system_does_not_give_is_not_broken() {
        let folder = tempfile::tempdir().unwrap();
        let record = |text: &[u8]| Record { owner: Name::root(), rtype: 16, ttl: 60, rdata: text.into() };
        let updated = |text: &[u8]| Updated::from([("example.com.".into(), vec![record(text)])]);
        let length = |updated: &Updated| {
            write_updates(folder.path(), updated).unwrap();
            fs::metadata(folder.path().join(FILE)).unwrap().len()
        };
        let (small, large) = (updated(b"\x01a"), updated(b"\x02ab"));
        let (most, more) = (length(&small), length(&large));
        assert_eq!(more, most + 2);
        write_at_most(folder.path(), &small, most).unwrap();
        let error = write_at_most(folder.path(), &large, most).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_updates(folder.path()).unwrap(), small);
        File::options().write(true).open(folder.path().join(FILE)).unwrap().set_len(STATE_FILE_MAX + 1).unwrap();
        assert!(matches!(read_updates(folder.path()), Err(Unread::Kept(_))), "larger than any of ours");
        fs::remove_file(folder.path().join(FILE)).unwrap();
        fs::create_dir(folder.path().join(FILE)).unwrap();
        assert!(matches!(read_updates(folder.path()), Err(Unread::Kept(_))), "a directory");
    }
}
