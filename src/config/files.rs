//! Files as the reader sees them: paths relative to the file that names them, sizes bounded, the newest
//! time kept for the serial.

use super::source::FileId;
use super::walk::Ctx;
use crate::limits::FILE_MAX;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that was read, for those who watch for changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRead {
    /// Its path as given.
    pub path: PathBuf,
    /// Its time of last change, seconds since 1970.
    pub modified: u32,
    /// It holds a secret.
    pub is_secret: bool,
}

/// The files of one zone.
#[derive(Debug, Default)]
pub(super) struct Files {
    root: PathBuf,
    paths: HashMap<FileId, PathBuf>,
    pub(super) read: Vec<FileRead>,
    /// No file may be read: the text came from elsewhere.
    alone: bool,
}

impl Files {
    /// The files of a zone whose TOML stands in `folder`.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// Of a text that came from elsewhere: it must not name files, whose content would show in messages.
    pub(super) fn alone() -> Self {
        Self { alone: true, ..Self::default() }
    }

    fn may_read(&self) -> Result<(), String> {
        if self.alone { Err("a text that was sent cannot name files".to_owned()) } else { Ok(()) }
    }

    /// The folder that nothing may leave.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a file.
    pub(super) fn folder(&self, _ctx: &Ctx, file: FileId) -> PathBuf {
        self.paths.get(&file).and_then(|path| path.parent()).unwrap_or(&self.root).to_owned()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub(super) fn read(&mut self, ctx: &mut Ctx, path: &Path) -> Result<(FileId, Arc<str>), String> {
        self.may_read()?;
        let (text, modified) = read_text(path)?;
        let text: Arc<str> = text.into();
        let file = ctx.report.sources.add(&path.display().to_string(), Arc::clone(&text));
        self.paths.insert(file, path.to_owned());
        self.read.push(FileRead { path: path.to_owned(), modified, is_secret: false });
        Ok((file, text))
    }

    /// Takes a text that is in memory already.
    pub(super) fn take(&mut self, ctx: &mut Ctx, path: &Path, text: Arc<str>) -> FileId {
        let file = ctx.report.sources.add(&path.display().to_string(), text);
        self.paths.insert(file, path.to_owned());
        file
    }

    /// Reads a file that another one names.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub(super) fn read_beside(
        &mut self,
        ctx: &mut Ctx,
        from: FileId,
        path: &str,
    ) -> Result<(FileId, PathBuf, Arc<str>), String> {
        let path = self.folder(ctx, from).join(path);
        let (file, text) = self.read(ctx, &path)?;
        let real = path.canonicalize().unwrap_or(path);
        Ok((file, real, text))
    }

    /// Reads the bytes of a file that another one names; they are no text to point into. At most `most` bytes.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub(super) fn bytes_beside(&mut self, ctx: &Ctx, from: FileId, path: &str, most: u64) -> Result<Vec<u8>, String> {
        self.may_read()?;
        let path = self.folder(ctx, from).join(path);
        let fail = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        let about = std::fs::metadata(&path).map_err(fail)?;
        if !about.is_file() || about.len() > most {
            return Err(format!("{} is not a plain file of at most {} KiB", path.display(), most >> 10));
        }
        let bytes = std::fs::read(&path).map_err(fail)?;
        self.read.push(FileRead { path, modified: about.modified().map_or(1, seconds), is_secret: false });
        Ok(bytes)
    }

    /// The file that was read last holds a secret.
    pub(super) fn last_is_secret(&mut self) {
        self.read.last_mut().into_iter().for_each(|file| file.is_secret = true);
    }

    /// The newest time of last change of all files read; 1 for texts without one.
    pub(super) fn newest(&self) -> u32 {
        self.read.iter().map(|file| file.modified).max().unwrap_or(1)
    }
}

/// The text and time of a file.
///
/// # Errors
/// Why not, as a sentence.
pub(super) fn read_text(path: &Path) -> Result<(String, u32), String> {
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let about = std::fs::metadata(path).map_err(fail)?;
    if about.is_dir() {
        return Err(format!("{} is a directory", path.display()));
    }
    if about.len() > FILE_MAX {
        return Err(format!("{} is larger than {} MiB", path.display(), FILE_MAX >> 20));
    }
    let bytes = std::fs::read(path).map_err(fail)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("{} is not UTF-8 (line {line})", path.display())
    })?;
    Ok((text, about.modified().map_or(1, seconds)))
}

/// Seconds since 1970, as serials count.
fn seconds(time: SystemTime) -> u32 {
    time.duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() as u32)
}
