//! The keys of signed zones: in the folder `keys` of the state directory, each as the two files that BIND has for it,
//! readable by their owner alone. Commands write them while a server runs, so the directory's lock does not matter.

use crate::dnssec::{Key, file_stem, private_file, public_file, read_pair};
use crate::limits::KEY_FILE_MAX;
use crate::wire::Name;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder of keys in a state directory.
#[must_use]
pub fn keys_folder(state: &Path) -> PathBuf {
    state.join("keys")
}

/// The keys of a zone, and what is wrong with their files, a line each. A folder that is not there has no keys.
///
/// # Errors
/// The folder cannot be read, or a key of the zone cannot.
pub fn read_keys(folder: &Path, zone: &Name) -> io::Result<(Vec<Key>, Vec<String>)> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        entries => entries?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "private") {
            paths.push(path);
        }
    }
    paths.sort();
    let (mut keys, mut warnings) = (Vec::new(), Vec::new());
    for path in paths.iter().filter(|path| is_of(path, zone)) {
        let (name, key) = read_key(path)?;
        if name.to_lowercase() != zone.to_lowercase() {
            continue;
        }
        let mode = fs::metadata(path)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            warnings.push(format!("{}: mode {mode:o}: others than its owner can use it; chmod 600", path.display()));
        }
        keys.push(key);
    }
    Ok((keys, warnings))
}

/// True if a file's name says that it is of this zone.
fn is_of(path: &Path, zone: &Name) -> bool {
    let start = format!("K{}+", zone.to_lowercase().to_string().replace('/', "\\047"));
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.to_ascii_lowercase().starts_with(&start.to_ascii_lowercase()))
}

/// Reads one key: either of its two files, or their path without `.key` and `.private`. Its zone comes with it.
///
/// # Errors
/// The files cannot be read, or are no key; with the path in front.
pub fn read_key(path: &Path) -> io::Result<(Name, Key)> {
    let texts = ["key", "private"].map(|extension| {
        let path = beside(path, extension);
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| file.take(KEY_FILE_MAX).read_to_string(&mut text));
        read.map(|_| text).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    });
    let [public, private] = texts;
    read_pair(&public?, &private?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))
}

/// Puts a key into a folder, which is made if it is missing; the private file last, since it is what makes a key be
/// found. Gives the path without `.key` and `.private`.
///
/// # Errors
/// Of the system, or the key is there already.
pub fn write_key(folder: &Path, zone: &Name, key: &Key) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let stem = folder.join(file_stem(zone, key));
    let [public, private] = ["key", "private"].map(|extension| beside(&stem, extension));
    if private.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{}: there already", private.display())));
    }
    // One that is alone was left by a fault: without its other half it is no key.
    put_file(&public, &public_file(zone, key))?;
    put_file(&private, &private_file(key))?;
    File::open(folder)?.sync_all()?;
    Ok(stem)
}

/// Puts a file in place whole, for its owner alone: who looks meanwhile, or after a fault, finds what was there before.
fn put_file(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_added_extension("new");
    // What a fault left behind.
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _gone = fs::remove_file(&new);
    }
    written
}

/// The same for a key that may be there already, with other times: it takes their place.
///
/// # Errors
/// Of the system, or another key has the files' name.
pub fn put_key(folder: &Path, zone: &Name, key: &Key) -> io::Result<PathBuf> {
    let stem = folder.join(file_stem(zone, key));
    if !beside(&stem, "private").exists() {
        return write_key(folder, zone, key);
    }
    let (_, there) = read_key(&stem)?;
    if there.dnskey() != key.dnskey() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{}: another key", stem.display())));
    }
    put_file(&beside(&stem, "private"), &private_file(key))?;
    File::open(folder)?.sync_all()?;
    Ok(stem)
}

/// `K….key` or `K….private`, of either or of neither.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let text = path.as_os_str().to_string_lossy();
    let stem = text.strip_suffix(".key").or(text.strip_suffix(".private")).unwrap_or(&text);
    PathBuf::from(format!("{stem}.{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dnssec::{Algorithm, Role};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_kept_for_its_owner_alone_and_found_by_its_zone() {
        let state = tempfile::tempdir().unwrap();
        let folder = keys_folder(state.path());
        let [zone, other] = ["Example.com", "sub.example.com"].map(|name| Name::parse(name).unwrap());
        assert!(read_keys(&folder, &zone).unwrap().0.is_empty());
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        let stem = write_key(&folder, &zone, &key).unwrap();
        assert!(write_key(&folder, &zone, &key).is_err(), "it is never overwritten");
        write_key(&folder, &other, &Key::generate(Algorithm::EcdsaP256Sha256, Role::Zone).unwrap()).unwrap();
        let private = beside(&stem, "private");
        assert_eq!(fs::metadata(&private).unwrap().mode() & 0o777, 0o600);
        let (keys, warnings) = read_keys(&folder, &zone).unwrap();
        assert_eq!((keys.len(), keys[0].dnskey(), warnings), (1, key.dnskey(), Vec::new()));
        fs::set_permissions(&private, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_keys(&folder, &zone).unwrap().1[0].contains("mode 640"));
        fs::write(&private, "nothing").unwrap();
        assert!(read_keys(&folder, &zone).unwrap_err().to_string().contains("no `Algorithm:` line"));
    }
    #[test]
    fn a_fault_while_a_key_is_written_leaves_the_others_and_the_way_for_the_next_try() {
        let state = tempfile::tempdir().unwrap();
        let folder = keys_folder(state.path());
        let zone = Name::parse("example.com").unwrap();
        let [first, second] = [0; 2].map(|_| Key::generate(Algorithm::Ed25519, Role::Entry).unwrap());
        write_key(&folder, &zone, &first).unwrap();
        // As a kill leaves it: the public half, and a piece of the private one that is not in place.
        let stem = folder.join(file_stem(&zone, &second));
        fs::write(beside(&stem, "key"), public_file(&zone, &second)).unwrap();
        fs::write(beside(&stem, "private").with_added_extension("new"), "Private-key-for").unwrap();
        assert_eq!(read_keys(&folder, &zone).unwrap().0.len(), 1);
        put_key(&folder, &zone, &second).unwrap();
        assert_eq!(read_keys(&folder, &zone).unwrap().0.len(), 2);
        assert!(fs::read_dir(&folder).unwrap().all(|entry| entry.unwrap().path().extension().unwrap() != "new"));
        // A disk that takes nothing: what is in the way of the private file is a folder here.
        let third = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        let private = beside(&folder.join(file_stem(&zone, &third)), "private");
        fs::create_dir_all(private.with_added_extension("new")).unwrap();
        assert!(write_key(&folder, &zone, &third).is_err());
        assert!(!private.exists() && read_keys(&folder, &zone).unwrap().0.len() == 2);
    }
}
