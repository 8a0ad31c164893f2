//! Users and groups, as /etc/passwd and /etc/group tell them; numbers do without.

use std::fs;

/// Whom to become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The user's name, or its number.
    pub name: Box<str>,
    /// Its number.
    pub uid: u32,
    /// Its own group.
    pub gid: u32,
    /// All groups that it is in.
    pub groups: Vec<u32>,
}

impl Account {
    /// Finds a user by name or number; `group` (likewise) is in place of its own group.
    ///
    /// # Errors
    /// There is no such user or group; in words.
    pub fn find(user: &str, group: Option<&str>) -> Result<Self, String> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::of_texts(&read("/etc/passwd"), &read("/etc/group"), user, group)
    }

    fn of_texts(passwd: &str, groups: &str, user: &str, group: Option<&str>) -> Result<Self, String> {
        let entry = passwd.lines().map(fields::<7>).find(|[name, _, uid, ..]| *name == user || *uid == user);
        let known = entry.and_then(|[name, _, uid, gid, ..]| Some((name, uid.parse().ok()?, gid.parse().ok()?)));
        let (name, uid, own) = match (known, user.parse()) {
            (Some((name, uid, gid)), _) => (name, uid, Some(gid)),
            (None, Ok(uid)) => (user, uid, None),
            (None, Err(_)) => return Err(format!("there is no user {user:?}")),
        };
        let gid = match group {
            Some(group) => group_of(groups, group).ok_or_else(|| format!("there is no group {group:?}"))?,
            None => own.ok_or_else(|| format!("user {user} has no entry in /etc/passwd: say its group as well"))?,
        };
        let lists = groups.lines().map(fields::<4>).filter(|[.., members]| members.split(',').any(|one| one == name));
        let mut all: Vec<u32> = lists.filter_map(|[_, _, gid, _]| gid.parse().ok()).collect();
        all.push(gid);
        all.sort_unstable();
        all.dedup();
        Ok(Self { name: name.into(), uid, gid, groups: all })
    }
}

fn group_of(groups: &str, group: &str) -> Option<u32> {
    let entry = groups.lines().map(fields::<4>).find(|[name, ..]| *name == group);
    entry.map_or(group, |[_, _, gid, _]| gid).parse().ok()
}

/// The first fields of a line; those that are missing are empty.
fn fields<const N: usize>(line: &str) -> [&str; N] {
    let mut fields = line.split(':');
    std::array::from_fn(|_| fields.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\ngeosteer:x:990:991::/:/usr/sbin/nologin\nbroken\n";
    const GROUPS: &str = "root:x:0:\nssl-cert:x:105:bird,geosteer\nother:x:106:geosteerer\ngeosteer:x:991:\n";

    #[test]
    fn users_and_groups_are_found_by_name_and_number() {
        let find = |user, group| Account::of_texts(PASSWD, GROUPS, user, group);
        let geosteer = find("geosteer", None).unwrap();
        assert_eq!((geosteer.uid, geosteer.gid, &geosteer.groups[..]), (990, 991, &[105, 991][..]));
        assert_eq!(find("990", None).unwrap(), geosteer);
        let other = find("geosteer", Some("ssl-cert")).unwrap();
        assert_eq!((other.gid, &other.groups[..]), (105, &[105][..]));
        assert_eq!(find("65534", Some("65533")).unwrap().groups, [65_533]);
        assert_eq!(find("nobody", None).unwrap_err(), "there is no user \"nobody\"");
        assert_eq!(find("geosteer", Some("none")).unwrap_err(), "there is no group \"none\"");
        assert!(find("65534", None).unwrap_err().contains("say its group"));
        assert!(find("broken", None).is_err() && find("", None).is_err());
    }
}
