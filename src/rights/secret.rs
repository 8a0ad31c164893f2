//! Files with secrets: read whole and bounded, and looked at who else may read them. The one way in which tokens, keys and
//! the secrets of signatures come in.

use rustix::process::geteuid;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Reads a file with a secret, at most so many octets. The second value is a warning: others than its owner may read it.
///
/// # Errors
/// It cannot be read, is too long, or everybody may write it: then it is anybody's secret. The path is named.
pub fn read_secret(path: &Path, what: &str, most: usize) -> io::Result<(Vec<u8>, Option<String>)> {
    let cannot = |why: &dyn fmt::Display| io::Error::other(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| match error.kind() {
        // A server that root has started is not root any more when it reads most of them.
        io::ErrorKind::PermissionDenied => {
            let uid = geteuid().as_raw();
            cannot(&format_args!("{error}; {what} is read as user {uid}, who must be able to"))
        }
        _ => cannot(&error),
    })?;
    let found = file.metadata().map_err(|error| cannot(&error))?;
    if found.is_file() && found.mode() & 0o002 != 0 {
        return Err(cannot(&format_args!(
            "everybody may write {what}; `chmod 600` mends it, and a new one should be made"
        )));
    }
    let mut content = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut content).map_err(|error| cannot(&error))?;
    if content.len() > most {
        return Err(cannot(&format_args!("{what} is too long")));
    }
    Ok((content, warning(path, what, &found)))
}

/// A warning if others than its owner may read a file with a secret; none if it cannot be looked at.
#[must_use]
pub fn others_may_read(path: &Path, what: &str) -> Option<String> {
    warning(path, what, &std::fs::metadata(path).ok()?)
}

fn warning(path: &Path, what: &str, found: &Metadata) -> Option<String> {
    // What is no file (a pipe, a device) has been arranged on purpose.
    let open = found.is_file() && found.mode() & 0o077 != 0;
    let path = path.display();
    open.then(|| format!("{path}: others may read {what}; `chmod 600 {path}` mends it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_that_others_may_read_is_warned_of_and_one_that_everybody_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "12345678").unwrap();
        let read = |mode, most| {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            read_secret(&file, "the key", most)
        };
        assert_eq!(read(0o600, 8).unwrap(), (b"12345678".to_vec(), None));
        for mode in [0o640, 0o604, 0o620] {
            let warning = read(mode, 8).unwrap().1.unwrap();
            assert!(warning.contains("others may read the key; `chmod 600"), "{warning}");
            assert!(others_may_read(&file, "the key").is_some());
        }
        assert!(read(0o602, 8).unwrap_err().to_string().contains("everybody may write the key"));
        assert!(read(0o600, 7).unwrap_err().to_string().contains("too long"));
        assert_eq!(others_may_read(Path::new("/none/such"), "x"), None);
        assert!(read_secret(Path::new("/none/such"), "x", 8).unwrap_err().to_string().starts_with("/none/such: "));
    }
}
