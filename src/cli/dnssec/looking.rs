//! What is looked at before `rollover next` takes a step: what the running server publishes, and what the parent has.

use super::{At, Not};
use crate::cli::doctor::signing::{Data, Published, is_of, of_parent, published_here, tags, told};
use crate::control::{Answer, Request, SOCKET, ask};
use crate::daemon::LISTEN;
use crate::dnssec::{Digest, Key, Phase, Role, Rollover};
use crate::error::Exit;
use crate::serving::{self, Trouble};
use crate::store::ZoneKeys;
use crate::wire::Name;
use std::net::SocketAddr;

/// What is said where nobody can be asked.
const BY_CLOCK: &str = "was not looked at, the times of the keys alone are gone by";

/// Looks whether all have followed the steps before. What cannot be asked is said, and stops nothing: keys are rolled
/// where no server runs, too.
///
/// # Errors
/// The server publishes something else, or the parent has not got the key that comes.
pub(super) fn before(at: &At, zone: &Name, there: &ZoneKeys, rollover: &Rollover<'_>, now: u64) -> Result<(), Not> {
    let no = |why: String| Not { exit: Exit::No, why: format!("{why}; --force takes the step all the same") };
    match at_server(at, zone) {
        Err(why) => eprintln!("note: what the server publishes {BY_CLOCK}: {why}"),
        Ok((address, found)) => {
            let found = found.and_then(|found| differs(&found, zone, there, now).map_or(Ok(()), Err));
            found.map_err(|why| no(format!("the server at {address} does not publish what the keys say: {why}")))?;
        }
    }
    if rollover.new.role() == Role::Entry {
        match of_parent(&zone.to_lowercase().to_string()) {
            Err(why) => eprintln!("note: what the parent has {BY_CLOCK}: {why}"),
            Ok(vouched) if lags(&vouched, zone, rollover) => {
                let (old, new) = (rollover.old.tag(), rollover.new.tag());
                return Err(no(format!(
                    "the parent has the DS record of key {old} and not that of key {new} (`geosteer dnssec ds {zone}`)"
                )));
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// What the server publishes, or what is wrong with its answer; in words why there is none.
fn at_server(at: &At, zone: &Name) -> Result<(SocketAddr, Result<Published, String>), String> {
    if at.config.is_none() && at.state.is_some() {
        return Err("--config says where it is".to_owned());
    }
    let server = at.server()?;
    let socket = match server.admin.socket {
        Some(socket) => socket,
        None => at.folder()?.join(SOCKET),
    };
    let addresses = match ask(&socket, &Request::Serving) {
        Ok(Answer::Serving(says)) => says.addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        _ if server.dns.listen.is_empty() => vec![LISTEN],
        _ => server.dns.listen,
    };
    let answered = |one: &serving::Found| !matches!(one.trouble, Some(Trouble::Silent(_)));
    let found = serving::ask(&addresses, std::slice::from_ref(zone));
    let address = found.iter().find(|one| answered(one)).map(|one| one.address).ok_or("no server answers")?;
    Ok((address, published_here(address, &zone.to_lowercase().to_string())))
}

/// What a server publishes otherwise than the key files say.
fn differs(found: &Published, zone: &Name, there: &ZoneKeys, now: u64) -> Option<String> {
    let phase = |key: &Key| key.times().phase(now);
    let keys: Data = there.keys.iter().filter(|key| phase(key).is_published()).map(Key::dnskey).collect();
    if found.keys != keys {
        return Some(format!("it has {}, which should be {}", tags(&found.keys), tags(&keys)));
    }
    let entries = there.keys.iter().filter(|key| key.role() == Role::Entry && phase(key) != Phase::Removed);
    let owner = zone.to_lowercase();
    let cds: Data = match there.stops {
        true => Data::from([vec![0; 5]]),
        false => entries.map(|key| key.ds(owner.wire(), Digest::Sha256)).collect(),
    };
    if found.told != cds {
        return Some(format!("its CDS records are of {}, and should be of {}", told(&found.told), told(&cds)));
    }
    there.keys.iter().find_map(|key| {
        let as_signer = (key.algorithm().number(), key.tag());
        let signs = match key.role() {
            Role::Entry => found.entry.contains(&as_signer),
            Role::Zone => found.zone.contains(&as_signer),
        };
        match (signs, phase(key)) {
            (false, Phase::Active) => Some(format!("key {} does not sign yet", key.tag())),
            (true, Phase::Active) | (false, _) => None,
            (true, _) => Some(format!("key {} still signs", key.tag())),
        }
    })
}

/// True if the parent knows the key that goes and not the one that comes.
fn lags(vouched: &Data, zone: &Name, rollover: &Rollover<'_>) -> bool {
    let has = |key: &Key| vouched.iter().any(|ds| is_of(ds, zone, &key.dnskey()));
    has(rollover.old) && !has(rollover.new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dnssec::{Algorithm, Step};

    #[test]
    fn a_parent_that_knows_the_old_key_alone_has_not_followed() {
        let zone = Name::parse("Example.com").unwrap();
        let [old, new] = [0; 2].map(|_| Key::generate(Algorithm::Ed25519, Role::Entry).unwrap());
        let rollover = Rollover { old: &old, new: &new, next: Step::Activate };
        let lags = |keys: &[&Key], digest| {
            let owner = zone.to_lowercase();
            lags(&keys.iter().map(|key| key.ds(owner.wire(), digest)).collect(), &zone, &rollover)
        };
        for digest in [Digest::Sha256, Digest::Sha384] {
            assert!(lags(&[&old], digest));
            assert!(!lags(&[&old, &new], digest) && !lags(&[&new], digest) && !lags(&[], digest));
        }
    }
}
