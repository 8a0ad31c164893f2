//! Files that are gone: a directory that served zones and has none any more was moved, or not mounted. Nobody means
//! that as "serve nothing".

use std::path::{Path, PathBuf};

/// Why a reload must not happen, if zone files are gone that should not be. `folders` are the directories that zones are
/// read from, `before` and `after` the files of the zones that serve and of those that would. `strict`: no file may be
/// gone at all.
pub(super) fn vanished(folders: &[PathBuf], before: &[&str], after: &[&str], strict: bool) -> Option<String> {
    let within =
        |folder: &Path, files: &[&str]| files.iter().filter(|file| Path::new(file).parent() == Some(folder)).count();
    for folder in folders {
        let (had, has) = (within(folder, before), within(folder, after));
        if had > 0 && has == 0 {
            let zones = if had == 1 { "the zone that serves was" } else { "the zones that serve were" };
            let folder = folder.display();
            return Some(format!("{folder}: no zone file is left in this directory, and {zones} read from there"));
        }
    }
    let gone = before.iter().find(|file| !after.contains(file)).filter(|_| strict)?;
    Some(format!("{gone}: the zone file is gone; if that is meant, `geosteer reload` takes its zone away"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_loses_its_last_zone_is_refused_and_one_zone_of_several_may_go() {
        let folders = [PathBuf::from("zones"), PathBuf::from("more")];
        let before = ["zones/a.toml", "zones/b.toml", "more/c.toml"];
        assert_eq!(vanished(&folders, &before, &before, true), None);
        assert_eq!(vanished(&folders, &before, &["zones/b.toml", "more/c.toml"], false), None);
        let strict = vanished(&folders, &before, &["zones/b.toml", "more/c.toml"], true).unwrap();
        assert!(strict.starts_with("zones/a.toml: the zone file is gone"), "{strict}");
        let emptied = vanished(&folders, &before, &["more/c.toml"], false).unwrap();
        assert!(emptied.starts_with("zones: no zone file is left") && emptied.contains("zones that serve were"));
        // The server file names another directory now.
        assert_eq!(vanished(&folders[1..], &before, &["more/c.toml"], false), None);
        assert_eq!(vanished(&folders, &[], &["more/c.toml"], true), None);
    }
}
