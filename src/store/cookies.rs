//! The server's own secrets for cookies: kept so that a restart knows the cookies that were given out before.

use super::put;
use crate::cookies::{SECRETS, Secret};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

const FILE: &str = "cookies.json";
const FORMAT: u32 = 1;

/// The secrets, the one that makes cookies first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CookieSecrets {
    /// When the first one was made, seconds since 1970.
    pub made: u64,
    /// The secrets.
    pub secrets: Vec<Secret>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    made: u64,
    secrets: Vec<String>,
}

impl CookieSecrets {
    /// Reads those of a state directory; `None` if there are none.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn load(folder: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(folder.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let kept: Kept = serde_json::from_slice(&bytes)?;
        let secrets = kept.secrets.iter().map(|text| secret(text)).collect::<Option<Vec<_>>>();
        let secrets = secrets.filter(|secrets| kept.format == FORMAT && (1..=SECRETS).contains(&secrets.len()));
        let secrets = secrets.ok_or_else(|| io::Error::other("not secrets of this version"))?;
        Ok(Some(Self { made: kept.made, secrets }))
    }

    /// Puts them in place, readable to the server's user alone.
    ///
    /// # Errors
    /// Of the system.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        let secrets = self.secrets.iter().map(|secret| format!("{:032x}", u128::from_be_bytes(*secret))).collect();
        let kept = Kept { format: FORMAT, made: self.made, secrets };
        put(folder, FILE, &serde_json::to_vec(&kept)?)
    }
}

/// Reads 32 hexadecimal digits.
#[must_use]
pub fn secret(text: &str) -> Option<Secret> {
    let is_hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secrets_come_back_as_they_were_and_are_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(CookieSecrets::load(folder.path()).unwrap(), None);
        let kept = CookieSecrets { made: 7, secrets: vec![[0; 16], *b"0123456789abcdef"] };
        kept.save(folder.path()).unwrap();
        assert_eq!(CookieSecrets::load(folder.path()).unwrap(), Some(kept));
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_secret_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{}",
            r#"{"format":1,"made":0,"secrets":[]}"#,
            r#"{"format":1,"made":0,"secrets":["00"]}"#,
            r#"{"format":1,"made":0,"secrets":["+0000000000000000000000000000000"]}"#,
            r#"{"format":2,"made":0,"secrets":["00000000000000000000000000000000"]}"#,
        ] {
            fs::write(folder.path().join(FILE), text).unwrap();
            assert!(CookieSecrets::load(folder.path()).is_err(), "{text}");
        }
    }
}
