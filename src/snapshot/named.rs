//! Static records that name the addresses of endpoints: what is answered of a machine beside steering, and stays so when
//! an operator takes it out.

use super::Snapshot;
use crate::id::{EndpointId, ZoneId};
use crate::pool::Address;
use crate::wire::Name;
use crate::wire::code::rtype;
use crate::zone::NodeId;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

/// The type and the data, in lower case, of a record that names an endpoint.
type Data = (u16, Vec<u8>);

/// By record, the nodes that have it, of those records alone that name an endpoint. Worked out when somebody asks first.
#[derive(Debug, Default)]
pub(crate) struct Named(OnceLock<HashMap<Data, Vec<NodeId>>>);

impl Snapshot {
    /// Owners of static records (A, AAAA, CNAME) of served zones that name one of these endpoints: the first `most` in
    /// the order of the text, and how many there are. Looks at every record when it is first called.
    #[must_use]
    pub fn static_names(&self, endpoints: &[EndpointId], most: usize) -> (Vec<String>, usize) {
        let named = self.named.0.get_or_init(|| named(self));
        let data = endpoints.iter().flat_map(|id| data(&self.endpoints[id.index()].address));
        let nodes = data.filter_map(|data| named.get(&data)).flatten();
        let text = |node: &NodeId| Name::from_wire(self.zones.name(*node)).map(|name| name.to_string()).ok();
        let all: BTreeSet<String> = nodes.filter_map(text).collect();
        let count = all.len();
        (all.into_iter().take(most).collect(), count)
    }
}

fn named(snapshot: &Snapshot) -> HashMap<Data, Vec<NodeId>> {
    let wanted: HashSet<Data> = snapshot.endpoints.iter().flat_map(|endpoint| data(&endpoint.address)).collect();
    let mut named: HashMap<Data, Vec<NodeId>> = HashMap::new();
    for (index, sets) in snapshot.zones.sets_of_zones(|_| true).into_iter().enumerate() {
        for (node, set) in sets.into_iter().filter(|(_, set)| TYPES.contains(&set.rtype)) {
            for mut rdata in snapshot.zones.records_of(set, ZoneId::new(index)).1 {
                if set.rtype == rtype::CNAME {
                    rdata.make_ascii_lowercase();
                }
                let data = (set.rtype, rdata);
                if wanted.contains(&data) {
                    named.entry(data).or_default().push(node);
                }
            }
        }
    }
    named
}

const TYPES: [u16; 3] = [rtype::A, rtype::AAAA, rtype::CNAME];

fn data(address: &Address) -> Vec<Data> {
    match address {
        Address::Ip { v4, v6 } => {
            let v4 = v4.iter().map(|address| (rtype::A, address.octets().to_vec()));
            v4.chain(v6.iter().map(|address| (rtype::AAAA, address.octets().to_vec()))).collect()
        }
        Address::Host(name) => vec![(rtype::CNAME, name.to_lowercase().wire().to_vec())],
    }
}
