//! The machine: its clock, its limits, the age of databases, who may read secrets.

use super::{Finding, Verdict, read};
use crate::clock;
use crate::config::Server;
use crate::control::STATE;
use crate::daemon;
use crate::limits::{DOCTOR_DATABASE_DAYS, DOCTOR_DESCRIPTORS};
use crate::snapshot::Spec;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// How old the databases are.
pub(super) fn databases(server: &Server) -> Vec<Finding> {
    let Ok(snapshot) = daemon::compiled(server, Spec::default()) else {
        return vec![Finding::new("databases", Verdict::Fail, "cannot be read")];
    };
    let now = clock::unix_seconds();
    snapshot.databases.facts().iter().map(|facts| age(&facts.label, facts.built, now)).collect()
}

fn age(label: &str, built: u64, now: u64) -> Finding {
    let (check, days) = (format!("database {label}"), now.saturating_sub(built) / 86_400);
    match days {
        DOCTOR_DATABASE_DAYS.. => Finding::new(check, Verdict::Warn, format!("{days} days old"))
            .help("networks move: clients are sent to where they were. A newer edition, then `geosteer reload`"),
        _ => Finding::new(check, Verdict::Ok, format!("{days} days old")),
    }
}

/// The clock is not behind what is known to have happened.
pub(super) fn clock(spec: &Spec) -> Finding {
    let written = |file: &str| std::fs::metadata(file).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok();
    let newest = spec.zones.iter().filter_map(|zone| written(&zone.file)).map(|since| since.as_secs()).max();
    let synchronized =
        ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/chronyd.pid", "/run/ntpd.pid"];
    judge_clock(clock::unix_seconds(), newest.unwrap_or(0), synchronized.iter().any(|path| Path::new(path).exists()))
}

/// 2026-01-01, seconds since 1970: this program is not older.
const NOT_BEFORE: u64 = 1_767_225_600;

fn judge_clock(now: u64, newest_file: u64, synchronized: bool) -> Finding {
    let help = "set it, and let an NTP client keep it: expiry of overrides and serials go by it";
    match (now, synchronized) {
        (..NOT_BEFORE, _) => Finding::new("clock", Verdict::Fail, "it is before 2026").help(help),
        _ if newest_file > now + 60 => {
            let says = format!("it is {} s behind the newest zone file", newest_file - now);
            Finding::new("clock", Verdict::Fail, says).help(help)
        }
        (_, true) => Finding::new("clock", Verdict::Ok, "plausible, and an NTP client runs"),
        (_, false) => {
            Finding::new("clock", Verdict::CannotTell, "plausible; whether something keeps it right is not known")
        }
    }
}

/// How many files and connections a process may have open.
pub(super) fn descriptors() -> Finding {
    judge_descriptors(&read("/proc/self/limits").unwrap_or_default())
}

fn judge_descriptors(limits: &str) -> Finding {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|rest| rest.split_whitespace().nth(1));
    let number = match hard {
        Some("unlimited") => u64::MAX,
        hard => match hard.and_then(|hard| hard.parse().ok()) {
            Some(number) => number,
            None => return Finding::new("open files", Verdict::CannotTell, "the limit is not known"),
        },
    };
    match number {
        ..DOCTOR_DESCRIPTORS => Finding::new("open files", Verdict::Warn, format!("at most {number} for this user"))
            .help("TCP clients and probes need one each: LimitNOFILE=65536 in the unit, or `ulimit -Hn`"),
        _ => Finding::new("open files", Verdict::Ok, format!("at most {number}")),
    }
}

/// Secrets that others can read, and where state is kept.
pub(super) fn files(server: &Server, has_file: bool) -> Vec<Finding> {
    let secrets = [&server.admin.token_file, &server.events.webhook_secret_file, &server.tls.key];
    let fleet = server.fleet.iter().map(|server| &server.token_file);
    let mut findings: Vec<_> = secrets.into_iter().flatten().chain(fleet).map(|path| secret(path)).collect();
    let usual = has_file.then(|| PathBuf::from(STATE));
    findings.extend(server.state.clone().or(usual).map(|path| state(&path)));
    findings
}

fn secret(path: &Path) -> Finding {
    let check = format!("secret {}", path.display());
    match std::fs::metadata(path) {
        Ok(about) if about.mode() & 0o077 != 0 => {
            Finding::new(check, Verdict::Warn, format!("others can read it (mode {:o})", about.mode() & 0o777))
                .help(format!("chmod 600 {}", path.display()))
        }
        Ok(_) => Finding::new(check, Verdict::Ok, "only its owner can read it"),
        Err(error) => Finding::new(check, Verdict::Fail, error.to_string()),
    }
}

fn state(path: &Path) -> Finding {
    let check = format!("state {}", path.display());
    match std::fs::metadata(path) {
        Ok(about) if !about.is_dir() => Finding::new(check, Verdict::Fail, "it is no directory"),
        Ok(about) if about.mode() & 0o022 != 0 => {
            Finding::new(check, Verdict::Warn, format!("others can write there (mode {:o})", about.mode() & 0o777))
                .help(format!("chmod 700 {}", path.display()))
        }
        Ok(_) => Finding::new(check, Verdict::Ok, "only its owner can write there"),
        Err(error) => Finding::new(check, Verdict::Warn, error.to_string())
            .help("`geosteer run` makes it if it may; without it a restart forgets overrides"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_database_is_old_after_forty_days() {
        assert_eq!(age("x.mmdb", 0, 39 * 86_400).verdict, Verdict::Ok);
        assert_eq!(age("x.mmdb", 0, (DOCTOR_DATABASE_DAYS + 1) * 86_400).verdict, Verdict::Warn);
    }

    #[test]
    fn a_clock_that_cannot_be_right_fails_and_one_that_may_be_does_not() {
        assert_eq!(judge_clock(0, 0, true).verdict, Verdict::Fail);
        assert_eq!(judge_clock(NOT_BEFORE + 1, NOT_BEFORE + 3_600, true).verdict, Verdict::Fail);
        assert_eq!(judge_clock(NOT_BEFORE + 1, NOT_BEFORE, true).verdict, Verdict::Ok);
        assert_eq!(judge_clock(NOT_BEFORE + 1, NOT_BEFORE, false).verdict, Verdict::CannotTell);
    }

    #[test]
    fn the_hard_limit_of_open_files_counts() {
        let limits = |hard: &str| {
            format!(
                "Limit  Soft Hard Units\nMax open files            1024                 {hard}               files\n"
            )
        };
        assert_eq!(judge_descriptors(&limits("1048576")).verdict, Verdict::Ok);
        assert_eq!(judge_descriptors(&limits("unlimited")).verdict, Verdict::Ok);
        assert_eq!(judge_descriptors(&limits("4096")).verdict, Verdict::Warn);
        assert_eq!(judge_descriptors("").verdict, Verdict::CannotTell);
    }

    #[test]
    fn secrets_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let token = folder.path().join("token");
        assert_eq!(secret(&token).verdict, Verdict::Fail);
        fs::write(&token, "x").expect("written");
        for (mode, verdict) in [(0o644, Verdict::Warn), (0o640, Verdict::Warn), (0o600, Verdict::Ok)] {
            fs::set_permissions(&token, Permissions::from_mode(mode)).expect("it is ours");
            assert_eq!(secret(&token).verdict, verdict, "{mode:o}");
        }
        assert_eq!(state(&token).verdict, Verdict::Fail);
        for (mode, verdict) in [(0o777, Verdict::Warn), (0o700, Verdict::Ok)] {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("it is ours");
            assert_eq!(state(folder.path()).verdict, verdict, "{mode:o}");
        }
    }
}
