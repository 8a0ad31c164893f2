//! Every zone that people are shown: `zones/` and the folders of `examples/`, read as the server reads them.

use geosteer::snapshot::{Snapshot, Spec};
use std::path::{Path, PathBuf};

/// One folder's zones.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    /// The folder.
    pub(crate) name: String,
    /// What its files say.
    pub(crate) spec: Spec,
}

impl Example {
    /// Compiled.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::build(self.spec.clone(), super::state::databases()).expect("an example compiles")
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Example> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root.join("examples"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    folders.push(root.join("zones"));
    folders.sort();
    folders.iter().filter_map(|folder| example(root, folder)).collect()
}

fn example(root: &Path, folder: &Path) -> Option<Example> {
    let files = zone_files(folder);
    if files.is_empty() {
        return None;
    }
    let name = folder.strip_prefix(root).expect("below the root").display().to_string();
    Some(Example { name, spec: super::state::read(&files) })
}

/// Zone files of a folder or of its `zones` folder: TOML files that have a `zone` key.
fn zone_files(folder: &Path) -> Vec<PathBuf> {
    let inner = folder.join("zones");
    let folder = if inner.is_dir() { inner } else { folder.to_owned() };
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let mut files: Vec<PathBuf> = entries.unwrap_or_default();
    files.retain(|file| {
        let text = || std::fs::read_to_string(file).unwrap_or_default();
        file.extension().is_some_and(|extension| extension == "toml")
            && text().lines().any(|line| line.starts_with("zone "))
    });
    files.sort();
    files
}
