//! Rights that are given up before anything from outside is read: user, capabilities, new privileges, files.
//!
//! ```text
//! bind, read secrets (as who started us) ─► give_up: user, groups, capabilities
//!                                              └─► load (as who we are) ─► confine: files ─► threads
//! ```
//!
//! In Linux all of these belong to a thread, and a thread has them from the one that starts it: so this happens while
//! there is only one.

mod account;
mod files;
mod report;
mod secret;

pub use account::Account;
pub use files::{Confined, Needs};
pub use report::Report;
pub use secret::{others_may_read, read_secret};

use crate::limits::STATE_DEPTH;
use rustix::process::{Gid, Uid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::Path;

/// The user that root becomes unless something else is said, if the machine has it.
pub const USER: &str = "geosteer";

/// What is kept: a later configuration may listen on port 53, too.
const KEPT: CapabilitySet = CapabilitySet::NET_BIND_SERVICE;

/// Whom to become, and what to do without.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// A user's name or number; only root can become somebody else.
    pub user: Option<Box<str>>,
    /// A group in place of the user's own.
    pub group: Option<Box<str>>,
    /// Files are restricted, where the kernel can.
    pub landlock: bool,
}

impl Wanted {
    /// The account to become; none: we stay who we are, since we are not root. The second value is a warning.
    ///
    /// # Errors
    /// There is no such user or group; or it is root who starts us and nobody has said that it shall stay root.
    pub fn account(&self) -> Result<(Option<Account>, Option<String>), String> {
        if !getuid().is_root() {
            let warning = self.user.as_deref().and_then(not_root);
            return Ok((None, warning));
        }
        let (user, is_said) = self.user.as_deref().map_or((USER, false), |user| (user, true));
        match Account::find(user, self.group.as_deref()) {
            Ok(account) => Ok((Some(account), None)),
            Err(_) if !is_said => Err(format!(
                "it would run as root\n  help: `useradd --system --no-create-home --shell /usr/sbin/nologin {USER}` makes the \
                 user that it becomes; or say another: `[process] user = \"…\"` in the server file, --user, or GEOSTEER_USER. \
                 \"root\" stays root, with no capability but NET_BIND_SERVICE"
            )),
            Err(why) => Err(why),
        }
    }
}

/// Who is not root cannot become somebody; that matters only if it is somebody else.
fn not_root(user: &str) -> Option<String> {
    let uid = getuid().as_raw();
    // Root would only be stayed.
    let same = user == "root" || Account::find(user, None).is_ok_and(|account| account.uid == uid);
    (!same).then(|| format!("it does not run as {user}: only root can become somebody else; it stays uid {uid}"))
}

/// Gives up the user, the groups and every capability but `CAP_NET_BIND_SERVICE`, for good: what is started from now on
/// gets no new ones. An `account` of none stays who it is.
///
/// # Errors
/// The system refuses; some may be given up by then.
pub fn give_up(account: Option<&Account>) -> io::Result<()> {
    let had = capabilities(None)?;
    if had.effective.contains(CapabilitySet::SETPCAP) {
        for one in CapabilitySet::all().iter().filter(|one| *one != KEPT) {
            // One that this kernel does not know is not in its set either.
            let _unknown = remove_capability_from_bounding_set(one);
        }
    }
    if let Some(account) = account {
        // Else the change of the user would take all of them.
        set_keep_capabilities(true)?;
        let groups: Vec<_> = account.groups.iter().map(|&group| Gid::from_raw(group)).collect();
        set_thread_groups(&groups)?;
        let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        set_keep_capabilities(false)?;
    }
    // Before Linux 4.3 there is no such set.
    let _none = clear_ambient_capability_set();
    let kept = had.permitted & KEPT;
    let few = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    if let Err(error) = set_capabilities(None, few)
        && !KEPT.contains(had.permitted)
    {
        // Filters of system calls forbid it, where there is nothing to give up.
        return Err(error.into());
    }
    set_no_new_privs(true)?;
    Ok(())
}

/// Makes a state directory for an account, or gives it one that root has used until now. One that is somebody's already
/// is left as it is: who may write there could lay traps for root. Call it as root.
///
/// # Errors
/// Of the system.
pub fn hand_over(folder: &Path, account: &Account) -> io::Result<()> {
    let found = match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            return lchown(folder, Some(account.uid), Some(account.gid));
        }
        found => found?,
    };
    // A directory of ours has a lock; an empty one may become ours. Any other was hardly meant.
    let is_ours = folder.join("lock").exists() || fs::read_dir(folder)?.next().is_none();
    if account.uid == 0 || found.uid() != 0 || found.mode() & 0o022 != 0 || !is_ours {
        return Ok(());
    }
    give(&fs::canonicalize(folder)?, account, STATE_DEPTH)
}

/// What lies in a directory first, so that nobody but root can change anything in it meanwhile.
fn give(folder: &Path, account: &Account, depth: u8) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = fs::symlink_metadata(&path)?;
        if found.is_dir() && depth > 0 {
            give(&path, account, depth - 1)?;
        } else if found.is_file() && found.nlink() == 1 && found.uid() == 0 {
            lchown(&path, Some(account.uid), Some(account.gid))?;
        }
    }
    lchown(folder, Some(account.uid), Some(account.gid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_state_directory_of_root_is_given_over_whole_and_what_is_not_ours_is_left() {
        if !getuid().is_root() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        let account = Account { name: "other".into(), uid: 4_242, gid: 4_243, groups: vec![4_243] };
        let scratch = tempfile::tempdir().unwrap();
        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        // New: made, and theirs alone.
        let new = scratch.path().join("a/state");
        hand_over(&new, &account).unwrap();
        assert_eq!((owner(&new), fs::metadata(&new).unwrap().mode() & 0o777), (4_242, 0o700));
        // Used by root until now.
        let used = scratch.path().join("used");
        fs::create_dir_all(used.join("keys")).unwrap();
        let secret = scratch.path().join("secret");
        for file in [&used.join("lock"), &used.join("keys/a.key"), &secret] {
            fs::write(file, "").unwrap();
        }
        symlink(&secret, used.join("trap")).unwrap();
        fs::hard_link(&secret, used.join("linked")).unwrap();
        hand_over(&used, &account).unwrap();
        assert_eq!(["", "lock", "keys", "keys/a.key"].map(|name| owner(&used.join(name))), [4_242; 4]);
        assert_eq!((owner(&secret), owner(&used.join("trap"))), (0, 0));
        // Somebody's already, and one with other things in it.
        fs::write(used.join("later"), "").unwrap();
        hand_over(&used, &account).unwrap();
        assert_eq!(owner(&used.join("later")), 0);
        let other = scratch.path().join("etc");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("passwd"), "").unwrap();
        hand_over(&other, &account).unwrap();
        assert_eq!((owner(&other), owner(&other.join("passwd"))), (0, 0));
    }
}
