//! The open connections in order of their last query, so that the longest idle can make room: a doubly linked
//! list inside one vector, every step O(1) but the search for one client's longest idle.

use std::collections::HashMap;
use std::net::IpAddr;
use tokio::task::AbortHandle;

const NONE: u32 = u32::MAX;

/// Who counts as one client: an IPv4 address, or an IPv6 /64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::listen) struct Client(u64, bool);

impl Client {
    pub(in crate::listen) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits()), false),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64, true),
        }
    }
}

/// A connection's place in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::listen) struct ConnectionId(u32);

#[derive(Debug)]
struct Entry {
    client: Client,
    older: u32,
    newer: u32,
    /// Stands in the list; false once it was evicted and its task has not ended yet.
    listed: bool,
    task: Option<AbortHandle>,
}

/// The table.
#[derive(Debug)]
pub(in crate::listen) struct Table {
    entries: Vec<Entry>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    listed: usize,
    clients: HashMap<Client, usize>,
}

impl Table {
    pub(in crate::listen) fn new() -> Self {
        let (entries, free) = (Vec::new(), Vec::new());
        Self { entries, free, oldest: NONE, newest: NONE, listed: 0, clients: HashMap::new() }
    }

    /// Connections that are open and not on their way out.
    pub(in crate::listen) fn len(&self) -> usize {
        self.listed
    }

    /// Those of one client.
    pub(in crate::listen) fn of_client(&self, client: Client) -> usize {
        self.clients.get(&client).copied().unwrap_or(0)
    }

    /// Adds a connection as the most recently active.
    pub(in crate::listen) fn insert(&mut self, client: Client) -> ConnectionId {
        let entry = Entry { client, older: NONE, newer: NONE, listed: true, task: None };
        let at = if let Some(at) = self.free.pop() {
            self.entries[at as usize] = entry;
            at
        } else {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        };
        self.link(at);
        self.listed += 1;
        *self.clients.entry(client).or_insert(0) += 1;
        ConnectionId(at)
    }

    /// Whether a connection was not evicted.
    pub(in crate::listen) fn is_listed(&self, id: ConnectionId) -> bool {
        self.entries[id.0 as usize].listed
    }

    /// Names the task that ends when the connection is evicted.
    pub(in crate::listen) fn set_task(&mut self, id: ConnectionId, task: AbortHandle) {
        self.entries[id.0 as usize].task = Some(task);
    }

    /// The task that was named, if there is one: from now on it does not end when the connection is evicted.
    pub(in crate::listen) fn take_task(&mut self, id: ConnectionId) -> Option<AbortHandle> {
        self.entries[id.0 as usize].task.take()
    }

    /// The connection brought a query: it is now the most recently active.
    pub(in crate::listen) fn touch(&mut self, id: ConnectionId) {
        if self.entries[id.0 as usize].listed && self.newest != id.0 {
            self.unlink(id.0);
            self.link(id.0);
        }
    }

    /// The connection's task has ended; its place can be used again.
    pub(in crate::listen) fn remove(&mut self, id: ConnectionId) {
        self.delist(id.0);
        self.entries[id.0 as usize].task = None;
        self.free.push(id.0);
    }

    /// Ends the longest idle connection; false if there is none.
    pub(in crate::listen) fn evict_oldest(&mut self) -> bool {
        let oldest = self.oldest;
        self.evict(oldest)
    }

    /// Looks at so many of the oldest connections, and ends the first of the client that has most; false if there are
    /// none.
    pub(in crate::listen) fn evict_greediest(&mut self, compared: usize) -> bool {
        let (mut at, mut most, mut greediest) = (self.oldest, 0, NONE);
        for _ in 0..compared {
            let Some(entry) = self.entries.get(at as usize) else { break };
            let count = self.of_client(entry.client);
            if count > most {
                (most, greediest) = (count, at);
            }
            at = entry.newer;
        }
        self.evict(greediest)
    }

    /// Ends the longest idle connection of a client; false if it has none.
    pub(in crate::listen) fn evict_oldest_of(&mut self, client: Client) -> bool {
        let mut at = self.oldest;
        while at != NONE && self.entries[at as usize].client != client {
            at = self.entries[at as usize].newer;
        }
        self.evict(at)
    }

    fn evict(&mut self, at: u32) -> bool {
        if at == NONE {
            return false;
        }
        self.delist(at);
        if let Some(task) = self.entries[at as usize].task.take() {
            task.abort();
        }
        true
    }

    fn delist(&mut self, at: u32) {
        if !self.entries[at as usize].listed {
            return;
        }
        self.unlink(at);
        let entry = &mut self.entries[at as usize];
        entry.listed = false;
        self.listed -= 1;
        if let Some(count) = self.clients.get_mut(&entry.client) {
            *count -= 1;
            if *count == 0 {
                self.clients.remove(&entry.client);
            }
        }
    }

    fn link(&mut self, at: u32) {
        let newest = self.newest;
        let entry = &mut self.entries[at as usize];
        (entry.older, entry.newer) = (newest, NONE);
        match newest {
            NONE => self.oldest = at,
            newest => self.entries[newest as usize].newer = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let Entry { older, newer, .. } = self.entries[at as usize];
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(table: &Table) -> Vec<u32> {
        std::iter::successors((table.oldest != NONE).then_some(table.oldest), |&at| {
            let newer = table.entries[at as usize].newer;
            (newer != NONE).then_some(newer)
        })
        .collect()
    }

    #[test]
    fn the_longest_idle_goes_first_and_a_query_puts_a_connection_last() {
        let mut table = Table::new();
        let (here, there) = (Client(1, false), Client(2, false));
        let ids: Vec<_> = [here, there, here, here].into_iter().map(|client| table.insert(client)).collect();
        table.touch(ids[0]);
        assert_eq!(order(&table), [1, 2, 3, 0]);
        assert!(table.evict_oldest_of(here));
        assert_eq!(order(&table), [1, 3, 0]);
        assert!(table.evict_oldest());
        assert_eq!((order(&table), table.len(), table.of_client(there)), (vec![3, 0], 2, 0));
        assert!(!table.evict_oldest_of(there));
        table.touch(ids[1]);
        table.remove(ids[1]);
        assert_eq!(table.insert(there), ids[1], "a place is used again once its task has ended");
        table.remove(ids[3]);
        assert_eq!(order(&table), [0, 1]);
    }

    #[test]
    fn of_the_oldest_the_one_whose_client_has_most_goes_first() {
        let mut table = Table::new();
        assert!(!table.evict_greediest(4));
        let [one, two, three] = [1, 2, 3].map(|number| Client(number, false));
        for client in [one, two, three, two, three, three] {
            table.insert(client);
        }
        // The oldest has fewest; who has most is not among the two oldest.
        assert!(table.evict_greediest(2));
        assert_eq!(order(&table), [0, 2, 3, 4, 5]);
        assert!(table.evict_greediest(9));
        assert_eq!(order(&table), [0, 3, 4, 5]);
        assert!(table.evict_greediest(9) && table.evict_greediest(9));
        assert_eq!(order(&table), [3, 5], "of those that have as many the oldest");
    }

    #[test]
    fn an_ipv6_client_is_a_whole_64_and_a_mapped_one_is_ipv4() {
        let of = |text: &str| Client::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("0.0.0.1"), of("0:0:0:1::"));
    }
}
