//! Where the secrets of cookies come from: a file that several servers share, or the server itself, which keeps its own
//! in the state directory and makes a new one every day.

use crate::clock;
use crate::config;
use crate::cookies::{Cookies, SECRETS, Secret};
use crate::limits::{COOKIE_FILE_MAX, COOKIE_SECRET_S};
use crate::rights::read_secret;
use crate::store::{CookieSecrets, secret};
use std::path::{Path, PathBuf};

/// The cookies that the settings ask for. The server's own secrets go on from `before`; new ones hold until those in the
/// state directory are read. The second value is a warning.
///
/// # Errors
/// The file cannot be read or has no secrets; it is named.
pub(super) fn cookies(
    settings: &config::Cookies,
    before: Option<&Cookies>,
) -> Result<(Option<Cookies>, Option<String>), String> {
    if !settings.enabled {
        return Ok((None, None));
    }
    let now = clock::unix_seconds();
    let Some(path) = &settings.secret_file else {
        let cookies = match before {
            Some(before) => before.under(settings.require),
            None => Cookies::new(&[random()], settings.require, now),
        };
        return Ok((Some(cookies.own()), None));
    };
    let (secrets, warning) = read(path)?;
    Ok((Some(Cookies::new(&secrets, settings.require, now)), warning))
}

#[expect(clippy::disallowed_methods, reason = "a secret comes from the kernel")]
fn random() -> Secret {
    let mut secret = [0; 16];
    // Without the kernel's randomness (a broken sandbox) cookies can be guessed, and free nobody but those that guess.
    if getrandom::fill(&mut secret).is_err() {
        secret[..8].copy_from_slice(&super::seed().to_le_bytes());
    }
    secret
}

/// Reads a file of secrets: one a line, the first one makes cookies. Errors name the file.
fn read(path: &Path) -> Result<(Vec<Secret>, Option<String>), String> {
    let (bytes, warning) = read_secret(path, "the secret", COOKIE_FILE_MAX).map_err(|error| error.to_string())?;
    let secrets = String::from_utf8(bytes).map_err(|_| "not a text".to_owned()).and_then(|text| secrets(&text));
    Ok((secrets.map_err(|why| format!("{}: {why}", path.display()))?, warning))
}

fn secrets(text: &str) -> Result<Vec<Secret>, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    let mut secrets = Vec::new();
    for (number, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let number = number + 1;
        secrets.push(secret(line).ok_or_else(|| {
            format!("line {number} is no secret: 32 hexadecimal digits, as `openssl rand -hex 16` writes them")
        })?);
    }
    match secrets.len() {
        0 => Err("no secret: `openssl rand -hex 16` writes one".to_owned()),
        1..=SECRETS => Ok(secrets),
        many => Err(format!("{many} secrets: at most {SECRETS} can hold")),
    }
}

/// Keeps the server's own secrets.
#[derive(Debug)]
pub(super) struct Keeper {
    /// The state directory, if there is one.
    folder: Option<PathBuf>,
    /// When the first secret was made, seconds since 1970.
    made: u64,
}

impl Keeper {
    /// Goes on with the secrets of the last run, if there are any and the configuration has none.
    pub(super) fn new(folder: Option<&Path>, cookies: Option<&Cookies>) -> Self {
        let mut keeper = Self { folder: folder.map(Path::to_owned), made: clock::unix_seconds() };
        let Some(cookies) = cookies.filter(|cookies| cookies.is_own) else { return keeper };
        match folder.map_or(Ok(None), CookieSecrets::load) {
            Ok(Some(kept)) => {
                cookies.set(&kept.secrets);
                keeper.made = kept.made;
            }
            Ok(None) => keeper.save(cookies),
            Err(error) => {
                tracing::warn!(%error, "the secrets for cookies of the last run cannot be read; new ones are made");
                keeper.save(cookies);
            }
        }
        keeper
    }

    /// Tells the time; makes a new secret when it is due, and goes on to know cookies of the one before.
    pub(super) fn tick(&mut self, cookies: &Cookies, now: u64) {
        cookies.tick(now);
        // A clock that was put back by more than that has made it in the future.
        if !cookies.is_own || now.abs_diff(self.made) < COOKIE_SECRET_S {
            return;
        }
        let before = cookies.secrets().first().copied();
        let secrets = std::iter::once(random()).chain(before).collect::<Vec<_>>();
        cookies.set(&secrets);
        self.made = now;
        self.save(cookies);
    }

    fn save(&self, cookies: &Cookies) {
        let Some(folder) = &self.folder else { return };
        let kept = CookieSecrets { made: self.made, secrets: cookies.secrets() };
        if let Err(error) = kept.save(folder) {
            tracing::warn!(%error, "the secrets for cookies cannot be kept: after a restart clients get new cookies");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn settings(text: &str, mode: u32) -> (tempfile::TempDir, config::Cookies) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cookies.secret");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let settings = config::Cookies { secret_file: Some(file), ..config::Cookies::default() };
        (folder, settings)
    }

    #[test]
    fn a_file_has_a_secret_a_line() {
        let (_folder, settings) = settings(
            "# made in May\n000102030405060708090a0b0c0d0e0f # new\n\nFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\n",
            0o600,
        );
        let (read, warning) = cookies(&settings, None).unwrap();
        assert_eq!(read.unwrap().secrets(), [std::array::from_fn(|at| at as u8), [255; 16]]);
        assert_eq!(warning, None);
    }

    #[test]
    fn what_is_no_secret_is_refused_with_its_line_and_a_readable_file_is_a_warning() {
        let secret = "00000000000000000000000000000001";
        for (text, why) in [
            ("# none\n", "no secret"),
            ("0001\n", "line 1 is no secret"),
            (&format!("{secret}\n{secret}0\n"), "line 2 is no secret"),
            (&format!("{secret}\n").repeat(4), "4 secrets"),
        ] {
            let (_folder, settings) = settings(text, 0o600);
            let error = cookies(&settings, None).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let (_folder, settings) = settings(secret, 0o644);
        assert!(cookies(&settings, None).unwrap().1.unwrap().contains("chmod 600"));
        assert!(cookies(&config::Cookies { secret_file: Some("/none".into()), ..settings }, None).is_err());
    }

    #[test]
    fn own_secrets_outlive_a_restart_and_roll_each_day() {
        let folder = tempfile::tempdir().unwrap();
        let own = || cookies(&config::Cookies::default(), None).unwrap().0.unwrap();
        let first = own();
        let mut keeper = Keeper::new(Some(folder.path()), Some(&first));
        let made = first.secrets();
        let again = own();
        assert_ne!(again.secrets(), made);
        let _keeper = Keeper::new(Some(folder.path()), Some(&again));
        assert_eq!(again.secrets(), made);
        let now = clock::unix_seconds();
        keeper.tick(&first, now + COOKIE_SECRET_S - 60);
        assert_eq!(first.secrets(), made);
        let shared = Cookies::new(&made, false, now);
        keeper.tick(&shared, now + COOKIE_SECRET_S + 60);
        assert_eq!(shared.secrets(), made, "those of a file are not ours to replace");
        keeper.tick(&first, now + COOKIE_SECRET_S + 60);
        assert_eq!((first.secrets().len(), first.secrets()[1]), (2, made[0]));
        let third = own();
        let _keeper = Keeper::new(Some(folder.path()), Some(&third));
        assert_eq!(third.secrets(), first.secrets());
    }

    #[test]
    fn a_reload_keeps_the_servers_own_secret() {
        let own = cookies(&config::Cookies::default(), None).unwrap().0.unwrap();
        let settings = config::Cookies { require: true, ..config::Cookies::default() };
        let again = cookies(&settings, Some(&own)).unwrap().0.unwrap();
        assert_eq!((again.secrets(), again.require), (own.secrets(), true));
        let off = config::Cookies { enabled: false, ..settings };
        assert!(cookies(&off, Some(&own)).unwrap().0.is_none());
    }
}
