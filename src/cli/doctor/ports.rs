//! Who holds a port: the kernel's tables of sockets, and the processes that have them open (proc(5)).

use super::read;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A process that holds a socket; `?` and 0 if it is not ours to look into.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Holder {
    pub(super) program: Box<str>,
    pub(super) pid: u32,
}

impl Holder {
    /// This program; in tests, any process of theirs.
    pub(super) fn is_ours(&self) -> bool {
        &*self.program == "geosteer" || self.pid == std::process::id()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => f.write_str("a program of another user"),
            pid => write!(f, "{} (pid {pid})", self.program),
        }
    }
}

/// This system tells who holds what.
pub(super) fn can_look() -> bool {
    Path::new("/proc/net/udp").exists()
}

/// Who holds the address, over UDP or TCP, or one that covers it.
pub(super) fn holders(address: SocketAddr) -> Vec<Holder> {
    let mut inodes = HashSet::new();
    for (table, listens) in [("udp", "07"), ("udp6", "07"), ("tcp", "0A"), ("tcp6", "0A")] {
        let text = read(Path::new("/proc/net").join(table)).unwrap_or_default();
        let sockets = sockets(&text, listens).into_iter().filter(|(held, _)| collides(*held, address));
        inodes.extend(sockets.map(|(_, inode)| inode));
    }
    if inodes.is_empty() {
        return Vec::new();
    }
    let found = processes(&inodes);
    match found.is_empty() {
        true => vec![Holder { program: "?".into(), pid: 0 }],
        false => found.into_iter().collect(),
    }
}

/// Two sockets cannot both have these.
fn collides(held: SocketAddr, wanted: SocketAddr) -> bool {
    let same_family = held.is_ipv4() == wanted.is_ipv4();
    let any = held.ip().is_unspecified() || wanted.ip().is_unspecified();
    held.port() == wanted.port() && (held.ip() == wanted.ip() || any && same_family)
}

/// The sockets of a table that are in a state, with their inodes.
fn sockets(table: &str, state: &str) -> Vec<(SocketAddr, u64)> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, inode) = (fields.get(1)?, fields.get(9)?);
        let held = (*fields.get(3)? == state).then(|| address_of(address))??;
        Some((held, inode.parse().ok()?))
    };
    table.lines().skip(1).filter_map(socket).collect()
}

/// `0100007F:0035`: words of four octets in the machine's order, the port in ours.
fn address_of(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (at, part) in octets.chunks_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// The processes that have one of these sockets open.
fn processes(inodes: &HashSet<u64>) -> BTreeSet<Holder> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let holder = |pid: u32| {
        let folder = Path::new("/proc").join(pid.to_string());
        let mut open = std::fs::read_dir(folder.join("fd")).ok()?.flatten();
        open.find(|entry| {
            let leads_to = std::fs::read_link(entry.path()).ok().map(|target| target.to_string_lossy().into_owned());
            let inode = leads_to.and_then(|to| to.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok());
            inode.is_some_and(|inode| inodes.contains(&inode))
        })?;
        let program = read(folder.join("comm"))?.trim().into();
        Some(Holder { program, pid })
    };
    entries.filter_map(|entry| holder(entry.file_name().to_str()?.parse().ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
        100: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 20001 2 0000000000000000 0\n \
        101: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20002 2 0000000000000000 0\n";
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 30001 1 0000000000000000 100 0 0 10 0\n   \
        1: 00000000000000000000000001000000:0035 00000000000000000000000001000000:A000 01 00000000:00000000 00:00000000 00000000     0        0 30002 1 0000000000000000 100 0 0 10 0\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_tables_are_read_and_connections_are_no_listeners() {
        let (local, any) = (SocketAddr::from(([127, 0, 0, 53], 53)), SocketAddr::from(([0, 0, 0, 0], 5_353)));
        assert_eq!(sockets(UDP, "07"), [(local, 20_001), (any, 20_002)]);
        assert_eq!(sockets(TCP6, "0A"), [("[::1]:53".parse().expect("an address"), 30_001)]);
        assert_eq!(sockets("nonsense\nx y", "07"), []);
    }

    #[test]
    fn the_wildcard_collides_with_every_address_of_its_family() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert!(collides(address("127.0.0.53:53"), address("0.0.0.0:53")));
        assert!(collides(address("[::]:53"), address("[2001:db8::1]:53")));
        assert!(!collides(address("127.0.0.53:53"), address("192.0.2.1:53")));
        assert!(!collides(address("0.0.0.0:53"), address("0.0.0.0:5300")));
        assert!(!collides(address("0.0.0.0:53"), address("[::1]:53")));
    }
}
