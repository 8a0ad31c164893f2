//! The keys of signed zones: in the folder `keys` of the state directory, each as the two files that BIND has for it,
//! readable by their owner alone. Commands write them while a server runs, so the directory's lock does not matter; what
//! root writes becomes the folder's owner's, who must be able to read it.

use crate::dnssec::{Key, Phase, Role, file_stem, private_file, public_file, read_pair};
use crate::limits::KEY_FILE_MAX;
use crate::wire::Name;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// The folder of keys in a state directory.
#[must_use]
pub fn keys_folder(state: &Path) -> PathBuf {
    state.join("keys")
}

/// What the folder of keys has of a zone.
#[derive(Debug, Default)]
pub struct ZoneKeys {
    /// The keys that can be read.
    pub keys: Vec<Key>,
    /// The files of those that cannot, without `.private`.
    pub unread: Vec<String>,
    /// The parent shall be told to drop its DS records.
    pub stops: bool,
    /// What is wrong with the files, a line each.
    pub warnings: Vec<String>,
}

/// The keys of a zone. A folder that is not there has none. `now`: seconds since 1970.
///
/// # Errors
/// The folder cannot be read; or a key of the zone cannot, and none of the others is one of the entry that signs.
pub fn read_keys(folder: &Path, zone: &Name, now: u64) -> io::Result<ZoneKeys> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ZoneKeys::default()),
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
    let mut found = ZoneKeys { stops: stop_file(folder, zone).try_exists()?, ..ZoneKeys::default() };
    let mut first = None;
    for path in paths.iter().filter(|path| is_of(path, zone)) {
        let (name, key) = match read_key(path) {
            Ok(read) => read,
            Err(error) => {
                let error = with_owner(error, path, folder);
                found.warnings.push(format!("{error}; {zone} is signed without this key, or as it was loaded"));
                found.unread.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
                first.get_or_insert(error);
                continue;
            }
        };
        if name.to_lowercase() != zone.to_lowercase() {
            continue;
        }
        let mode = fs::metadata(path)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let path = path.display();
            found.warnings.push(format!("{path}: mode {mode:o}: others than its owner can use it; chmod 600"));
        }
        found.keys.push(key);
    }
    // One file must not take the zone down; without a key that the parent can know there is nothing to go on with.
    let holds = |key: &Key| key.role() == Role::Entry && key.times().phase(now) == Phase::Active;
    match first {
        Some(error) if !found.keys.iter().any(holds) => Err(error),
        _ => Ok(found),
    }
}

/// Why a key cannot be read, and if its owner is the reason, whose it is and whose it should be.
fn with_owner(error: io::Error, path: &Path, folder: &Path) -> io::Error {
    let owner = |path: &Path| fs::metadata(path).map(|found| found.uid());
    let (Ok(is), Ok(shall)) = (owner(path), owner(folder)) else { return error };
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error;
    }
    let stem = path.with_extension("");
    let stem = stem.display();
    let mend = match is == shall {
        true => format!("the key is user {is}'s: `chmod 600 {stem}.*` mends it"),
        false => {
            format!("the key is user {is}'s and must be user {shall}'s, who owns the folder: `chown {shall} {stem}.*`")
        }
    };
    io::Error::new(error.kind(), format!("{error}: {mend}"))
}

/// The file that says that the parent shall be told to drop its DS records. No key file: it does not move with them.
fn stop_file(folder: &Path, zone: &Name) -> PathBuf {
    folder.join(format!("K{}+stop", zone.to_lowercase().to_string().replace('/', "\\047")))
}

/// Says whether the parent of a zone that has keys shall be told to drop its DS records.
///
/// # Errors
/// Of the system.
pub fn set_stops(folder: &Path, zone: &Name, stops: bool) -> io::Result<()> {
    let file = stop_file(folder, zone);
    match stops {
        true => put_file(&file, "CDS and CDNSKEY say \"delete\" (RFC 8078)\n", Owner::Folder)?,
        false => match fs::remove_file(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            gone => gone?,
        },
    }
    File::open(folder)?.sync_all()
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
    write(folder, zone, key, Owner::Folder)
}

/// Whose a file becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The folder's owner's, if root writes it: the server runs as that user, and reads it.
    Folder,
    /// The caller's.
    Caller,
}

fn write(folder: &Path, zone: &Name, key: &Key, owner: Owner) -> io::Result<PathBuf> {
    make(folder, owner)?;
    let stem = folder.join(file_stem(zone, key));
    let [public, private] = ["key", "private"].map(|extension| beside(&stem, extension));
    if private.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{}: there already", private.display())));
    }
    // One that is alone was left by a fault: without its other half it is no key.
    put_file(&public, &public_file(zone, key), owner)?;
    put_file(&private, &private_file(key), owner)?;
    File::open(folder)?.sync_all()?;
    Ok(stem)
}

/// Makes a folder if it is missing. One that root makes becomes its parent's owner's.
fn make(folder: &Path, owner: Owner) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let Some(parent) = folder.parent().filter(|_| owner == Owner::Folder) else { return Ok(()) };
    let (above, made) = (fs::metadata(parent)?, File::open(folder)?);
    // Who may write there may have put a link in its place, to have something else given to him.
    let [here, opened] = [fs::symlink_metadata(folder)?, made.metadata()?];
    let is_it = here.is_dir() && (here.dev(), here.ino()) == (opened.dev(), opened.ino());
    if is_it && opened.uid() == 0 && above.uid() != 0 {
        fchown(&made, Some(above.uid()), Some(above.gid()))?;
    }
    Ok(())
}

/// The user and the group that a file of the folder's belongs to; root's own folder leaves it to whom it was.
fn heir(path: &Path) -> Option<(u32, u32)> {
    let known = [path.parent().map(fs::metadata), Some(fs::symlink_metadata(path))];
    let known = known.into_iter().flatten().flatten();
    known.map(|found| (found.uid(), found.gid())).find(|(user, _)| *user != 0)
}

/// Puts a file in place whole, for its owner alone: who looks meanwhile, or after a fault, finds what was there before.
fn put_file(path: &Path, text: &str, owner: Owner) -> io::Result<()> {
    let new = path.with_added_extension("new");
    // What a fault left behind.
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
    let written = (|| {
        file.write_all(text.as_bytes())?;
        // Only root can give a file away.
        let heir = if owner == Owner::Folder && file.metadata()?.uid() == 0 { heir(path) } else { None };
        if let Some((user, group)) = heir {
            fchown(&file, Some(user), Some(group))?;
        }
        file.sync_all()?;
        fs::rename(&new, path)
    })();
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
    put(folder, zone, key, Owner::Folder)
}

/// The same in a folder that no server reads: the files are the caller's.
///
/// # Errors
/// As those of [`put_key`].
pub fn export_key(folder: &Path, zone: &Name, key: &Key) -> io::Result<PathBuf> {
    put(folder, zone, key, Owner::Caller)
}

fn put(folder: &Path, zone: &Name, key: &Key, owner: Owner) -> io::Result<PathBuf> {
    let stem = folder.join(file_stem(zone, key));
    if !beside(&stem, "private").exists() {
        return write(folder, zone, key, owner);
    }
    let (_, there) = read_key(&stem)?;
    if there.dnskey() != key.dnskey() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{}: another key", stem.display())));
    }
    put_file(&beside(&stem, "private"), &private_file(key), owner)?;
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
    use std::os::unix::fs::{PermissionsExt, chown};

    const NOW: u64 = 1_800_000_000;

    /// A user that exists nowhere.
    const USER: u32 = 54_242;

    #[test]
    fn a_key_is_kept_for_its_owner_alone_and_found_by_its_zone() {
        let state = tempfile::tempdir().unwrap();
        let folder = keys_folder(state.path());
        let [zone, other] = ["Example.com", "sub.example.com"].map(|name| Name::parse(name).unwrap());
        assert!(read_keys(&folder, &zone, NOW).unwrap().keys.is_empty());
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        let stem = write_key(&folder, &zone, &key).unwrap();
        assert!(write_key(&folder, &zone, &key).is_err(), "it is never overwritten");
        write_key(&folder, &other, &Key::generate(Algorithm::EcdsaP256Sha256, Role::Zone).unwrap()).unwrap();
        let private = beside(&stem, "private");
        assert_eq!(fs::metadata(&private).unwrap().mode() & 0o777, 0o600);
        let found = read_keys(&folder, &zone, NOW).unwrap();
        assert_eq!((found.keys.len(), found.keys[0].dnskey(), found.warnings), (1, key.dnskey(), Vec::new()));
        fs::set_permissions(&private, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_keys(&folder, &zone, NOW).unwrap().warnings[0].contains("mode 640"));
        fs::write(&private, "nothing").unwrap();
        assert!(read_keys(&folder, &zone, NOW).unwrap_err().to_string().contains("no `Algorithm:` line"));
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
        assert_eq!(read_keys(&folder, &zone, NOW).unwrap().keys.len(), 1);
        put_key(&folder, &zone, &second).unwrap();
        assert_eq!(read_keys(&folder, &zone, NOW).unwrap().keys.len(), 2);
        assert!(fs::read_dir(&folder).unwrap().all(|entry| entry.unwrap().path().extension().unwrap() != "new"));
        // A disk that takes nothing: what is in the way of the private file is a folder here.
        let third = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        let private = beside(&folder.join(file_stem(&zone, &third)), "private");
        fs::create_dir_all(private.with_added_extension("new")).unwrap();
        assert!(write_key(&folder, &zone, &third).is_err());
        assert!(!private.exists() && read_keys(&folder, &zone, NOW).unwrap().keys.len() == 2);
    }

    #[test]
    fn a_key_that_cannot_be_read_is_left_out_as_long_as_one_that_the_parent_knows_is_there() {
        let state = tempfile::tempdir().unwrap();
        let folder = keys_folder(state.path());
        let zone = Name::parse("example.com").unwrap();
        let [first, second] = [0; 2].map(|_| Key::generate(Algorithm::Ed25519, Role::Entry).unwrap());
        let [first, second] = [first, second].map(|key| write_key(&folder, &zone, &key).unwrap());
        fs::write(beside(&second, "private"), "nothing").unwrap();
        let found = read_keys(&folder, &zone, NOW).unwrap();
        let stem = second.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!((found.keys.len(), found.unread), (1, vec![stem]));
        assert!(found.warnings[0].contains("no `Algorithm:` line"), "{:?}", found.warnings);
        // The other one is of no use once it does not sign.
        let (_, key) = read_key(&first).unwrap();
        let times = key.times().become_now(Phase::Retired, NOW);
        put_key(&folder, &zone, &key.with_times(times)).unwrap();
        assert!(read_keys(&folder, &zone, NOW - 1).is_ok() && read_keys(&folder, &zone, NOW).is_err());
    }

    #[test]
    fn who_may_not_read_a_key_is_told_whose_it_is_and_whose_it_should_be() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("K.private");
        fs::write(&path, "").unwrap();
        let said = |kind: io::ErrorKind| with_owner(io::Error::new(kind, "no"), &path, state.path()).to_string();
        assert!(said(io::ErrorKind::PermissionDenied).contains("`chmod 600 "));
        assert_eq!(said(io::ErrorKind::InvalidData), "no");
        if chown(state.path(), Some(USER), None).is_ok() {
            let said = said(io::ErrorKind::PermissionDenied);
            assert!(said.contains("is user 0's and must be user 54242's") && said.contains("`chown 54242 "), "{said}");
        }
    }

    #[test]
    fn what_root_writes_is_the_folders_owners_and_what_is_exported_is_the_callers() {
        let state = tempfile::tempdir().unwrap();
        let zone = Name::parse("example.com").unwrap();
        let key = Key::generate(Algorithm::Ed25519, Role::Entry).unwrap();
        if chown(state.path(), Some(USER), Some(USER)).is_err() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        let folder = keys_folder(state.path());
        let owners = |folder: &Path| -> Vec<(u32, u32)> {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
            entries.map(|found| (found.uid(), found.gid())).collect()
        };
        write_key(&folder, &zone, &key).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().uid(), USER, "the folder as well");
        set_stops(&folder, &zone, true).unwrap();
        assert_eq!(owners(&folder), [(USER, USER); 3]);
        put_key(&folder, &zone, &key).unwrap();
        assert_eq!(owners(&folder), [(USER, USER); 3]);
        let elsewhere = state.path().join("elsewhere");
        export_key(&elsewhere, &zone, &key).unwrap();
        assert_eq!(owners(&elsewhere), [(0, fs::metadata("/proc/self").unwrap().gid()); 2]);
    }

    #[test]
    fn that_signing_shall_stop_is_kept_beside_the_keys() {
        let state = tempfile::tempdir().unwrap();
        let folder = keys_folder(state.path());
        let [zone, other] = ["Example.com", "sub.example.com"].map(|name| Name::parse(name).unwrap());
        write_key(&folder, &zone, &Key::generate(Algorithm::Ed25519, Role::Entry).unwrap()).unwrap();
        for stops in [false, true, true, false, false] {
            set_stops(&folder, &zone, stops).unwrap();
            assert_eq!([&zone, &other].map(|zone| read_keys(&folder, zone, NOW).unwrap().stops), [stops, false]);
        }
    }
}
