//! The signatures of signed zones, so that a restart does not make them anew: a file a zone in the folder `signatures`
//! of the state directory. What is in them is no secret, and nothing is lost with them but the work.

use super::replace;
use crate::limits::{SIGNATURE_LIFE_S, SIGNATURES_FILE_MAX};
use crate::wire::Name;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const EXTENSION: &str = "signatures";

fn folder(state: &Path) -> PathBuf {
    state.join("signatures")
}

/// `example.com.signatures`.
fn file_name(zone: &Name) -> String {
    format!("{}{EXTENSION}", zone.to_lowercase().to_string().replace('/', "\\047"))
}

/// What was written of a zone; nothing if there is no file.
///
/// # Errors
/// Of the system, or it is larger than any file of ours.
pub fn read_signatures(state: &Path, zone: &Name) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(folder(state).join(file_name(zone))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut octets = Vec::with_capacity(file.metadata()?.len().min(SIGNATURES_FILE_MAX) as usize);
    file.take(SIGNATURES_FILE_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > SIGNATURES_FILE_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(Some(octets))
}

/// Puts a zone's file in place, whole; `fill` writes it.
///
/// # Errors
/// Of the system, or of `fill`; the file is then as it was before.
pub fn write_signatures<T>(
    state: &Path,
    zone: &Name,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    let folder = folder(state);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    replace(&folder, &file_name(zone), |file| fill(file))
}

/// Removes files of zones that are not among these, once all that is in them is over. `now`: seconds since 1970.
///
/// # Errors
/// Of the system.
pub fn sweep_signatures(state: &Path, zones: &[Name], now: u64) -> io::Result<()> {
    let folder = folder(state);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let ours: Vec<String> = zones.iter().map(file_name).collect();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_kept = ours.iter().any(|ours| name.to_str() == Some(ours));
        let written = u64::try_from(entry.metadata()?.mtime()).unwrap_or(0);
        if !is_kept && written + SIGNATURE_LIFE_S < now {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_file_is_replaced_whole_and_a_failed_write_keeps_the_old_one() {
        let state = tempfile::tempdir().unwrap();
        let zone = Name::parse("Example.com").unwrap();
        assert_eq!(read_signatures(state.path(), &zone).unwrap(), None);
        write_signatures(state.path(), &zone, |file| file.write_all(b"one")).unwrap();
        let cut = |file: &mut dyn Write| {
            file.write_all(b"tw")?;
            Err::<(), _>(io::Error::other("the disk is full"))
        };
        assert!(write_signatures(state.path(), &zone, cut).is_err());
        let small = Name::parse("example.com").unwrap();
        assert_eq!(read_signatures(state.path(), &small).unwrap().unwrap(), b"one");
        assert_eq!(fs::read_dir(folder(state.path())).unwrap().count(), 1, "nothing is left beside it");
        let file = File::create(folder(state.path()).join(file_name(&zone))).unwrap();
        file.set_len(SIGNATURES_FILE_MAX + 1).unwrap();
        assert_eq!(read_signatures(state.path(), &zone).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn the_file_of_a_zone_that_is_gone_stays_as_long_as_it_could_be_of_use() {
        let state = tempfile::tempdir().unwrap();
        let zones = ["stays.example", "gone.example", "new.example"].map(|name| Name::parse(name).unwrap());
        sweep_signatures(state.path(), &zones, 0).unwrap();
        let now = 2_000_000_000;
        for (zone, age) in zones.iter().zip([2 * SIGNATURE_LIFE_S, SIGNATURE_LIFE_S + 1, SIGNATURE_LIFE_S]) {
            write_signatures(state.path(), zone, |file| file.write_all(b"some")).unwrap();
            let file = File::open(folder(state.path()).join(file_name(zone))).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(now - age)).unwrap();
        }
        sweep_signatures(state.path(), &zones[..1], now).unwrap();
        let there = zones.each_ref().map(|zone| read_signatures(state.path(), zone).unwrap().is_some());
        assert_eq!(there, [true, false, true]);
    }
}
