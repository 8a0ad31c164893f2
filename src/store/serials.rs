//! `serials.json`: the serial that each zone had last, and what it stood for: a serial never goes back, and rises when the
//! zone is another one.

use super::put;
use crate::transfer::Standing;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

const FILE: &str = "serials.json";
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    zones: Vec<Zone>,
}

#[derive(Serialize, Deserialize)]
struct Zone {
    zone: Box<str>,
    serial: u32,
    /// In hexadecimal.
    content: String,
    /// The same; files of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signatures: Option<String>,
}

/// Reads those of a state directory; none if there are none.
///
/// # Errors
/// They cannot be read.
pub fn read_serials(folder: &Path) -> io::Result<Vec<Standing>> {
    let bytes = match fs::read(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes?,
    };
    let kept: Kept = serde_json::from_slice(&bytes)?;
    let wrong = || io::Error::other(format!("{FILE}: not serials of this version"));
    let standing = |zone: Zone| {
        let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| wrong());
        let (content, signatures) = (number(&zone.content)?, zone.signatures.as_deref().map(number).transpose()?);
        Ok(Standing { apex: zone.zone, serial: zone.serial, content, signatures })
    };
    if kept.format == FORMAT { kept.zones.into_iter().map(standing).collect() } else { Err(wrong()) }
}

/// Puts them in place.
///
/// # Errors
/// Of the system; the file is then as it was before.
pub fn write_serials(folder: &Path, serials: &[Standing]) -> io::Result<()> {
    let number = |number: u64| format!("{number:016x}");
    let zone = |one: &Standing| Zone {
        zone: one.apex.clone(),
        serial: one.serial,
        content: number(one.content),
        signatures: one.signatures.map(number),
    };
    put(folder, FILE, &serde_json::to_vec(&Kept { format: FORMAT, zones: serials.iter().map(zone).collect() })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_serials(folder.path()).unwrap(), []);
        let serials = [
            Standing { apex: "example.com.".into(), serial: u32::MAX, content: u64::MAX, signatures: None },
            Standing { apex: "example.org.".into(), serial: 0, content: 7, signatures: Some(u64::MAX) },
        ];
        write_serials(folder.path(), &serials).unwrap();
        assert_eq!(read_serials(folder.path()).unwrap(), serials);
        // As versions before have written them.
        let before =
            r#"{"format":1,"zones":[{"zone":"example.com.","serial":4294967295,"content":"ffffffffffffffff"}]}"#;
        fs::write(folder.path().join(FILE), before).unwrap();
        assert_eq!(read_serials(folder.path()).unwrap(), serials[..1]);
        for text in
            ["", "{}", r#"{"format":2,"zones":[]}"#, r#"{"format":1,"zones":[{"zone":"a.","serial":1,"content":"x"}]}"#]
        {
            fs::write(folder.path().join(FILE), text).unwrap();
            assert!(read_serials(folder.path()).is_err(), "{text}");
        }
    }
}
