//! A view as a node of Python pickles it: whatever is one object there is written once, and named by
//! its number from then on. Shorter than what any codec here writes, and faster to read.

use std::collections::BTreeMap;

use casty_proto::NodeAddress;
use casty_proto::message::{Member, MemberStatus, ShardAllocation, TopologySnapshot};

const STATE: &str = "casty.cluster.state";
const TOPOLOGY: &str = "casty.cluster.topology";

/// Returns the pickle of a view without replicas and services.
pub fn pickled(view: &TopologySnapshot) -> Vec<u8> {
    let mut pickle = Pickle::default();
    pickle.out.extend(b"\x80\x05");
    pickle.view(view);
    pickle.out.push(b'.');
    pickle.out
}

#[derive(Default)]
struct Pickle {
    out: Vec<u8>,
    /// The number of the next object.
    next: u32,
    texts: BTreeMap<String, u32>,
    classes: BTreeMap<&'static str, u32>,
    statuses: BTreeMap<MemberStatus, u32>,
    nodes: BTreeMap<NodeAddress, u32>,
}

impl Pickle {
    fn view(&mut self, view: &TopologySnapshot) {
        self.begin(TOPOLOGY, "TopologySnapshot");
        self.text("members");
        self.out.push(b'(');
        view.members.0.iter().for_each(|member| self.member(member));
        self.end_set();
        self.text("leader");
        match &view.leader {
            Some(leader) => self.node(leader),
            None => self.out.push(b'N'),
        }
        self.text("shard_allocations");
        self.begin_dict();
        for (region, shards) in &view.shard_allocations {
            self.text(region);
            self.begin_dict();
            for (shard, allocation) in shards {
                self.int(*shard);
                self.allocation(allocation);
            }
            self.out.push(b'u');
        }
        self.out.push(b'u');
        self.text("allocation_epoch");
        self.int(u32::try_from(view.allocation_epoch).unwrap_or(u32::MAX));
        self.text("unreachable");
        self.out.push(b'(');
        view.unreachable.0.iter().for_each(|node| self.node(node));
        self.end_set();
        self.text("registry");
        self.out.push(b'(');
        self.end_set();
        self.end();
    }

    fn member(&mut self, member: &Member) {
        self.begin(STATE, "Member");
        self.text("address");
        self.node(&member.address);
        self.text("status");
        self.status(member.status);
        self.text("roles");
        self.out.push(b'(');
        self.end_set();
        self.text("id");
        self.text(&member.id);
        self.end();
    }

    fn status(&mut self, status: MemberStatus) {
        if let Some(known) = self.statuses.get(&status) {
            return self.get(*known);
        }
        self.class(STATE, "MemberStatus");
        let value = match status {
            MemberStatus::Joining => 1,
            MemberStatus::Up => 2,
            MemberStatus::Leaving => 3,
            MemberStatus::Down => 4,
            MemberStatus::Removed => 5,
        };
        self.int(value);
        self.out.push(b'\x85');
        self.memoize();
        self.out.push(b'R');
        let number = self.memoize();
        self.statuses.insert(status, number);
    }

    fn node(&mut self, node: &NodeAddress) {
        if let Some(known) = self.nodes.get(node) {
            return self.get(*known);
        }
        let number = self.begin(STATE, "NodeAddress");
        self.nodes.insert(node.clone(), number);
        self.text("host");
        self.text(node.host());
        self.text("port");
        self.int(node.port().into());
        self.end();
    }

    fn allocation(&mut self, allocation: &ShardAllocation) {
        self.begin(STATE, "ShardAllocation");
        self.text("primary");
        self.node(&allocation.primary);
        self.text("replicas");
        self.out.push(b')');
        self.end();
    }

    /// Begins an object of a class, whose fields follow, and returns its number.
    fn begin(&mut self, module: &'static str, name: &'static str) -> u32 {
        self.class(module, name);
        self.out.extend(b")\x81");
        let number = self.memoize();
        self.begin_dict();
        number
    }

    fn end(&mut self) {
        self.out.extend(b"ub");
    }

    fn begin_dict(&mut self) {
        self.out.push(b'}');
        self.memoize();
        self.out.push(b'(');
    }

    fn end_set(&mut self) {
        self.out.push(b'\x91');
        self.memoize();
    }

    fn class(&mut self, module: &'static str, name: &'static str) {
        if let Some(known) = self.classes.get(name) {
            return self.get(*known);
        }
        self.text(module);
        self.text(name);
        self.out.push(b'\x93');
        let number = self.memoize();
        self.classes.insert(name, number);
    }

    fn text(&mut self, text: &str) {
        if let Some(known) = self.texts.get(text) {
            return self.get(*known);
        }
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if let Ok(length) = u8::try_from(length) {
            self.out.extend([b'\x8c', length]);
        } else {
            self.out.push(b'X');
            self.out.extend(length.to_le_bytes());
        }
        self.out.extend(text.as_bytes());
        let number = self.memoize();
        self.texts.insert(text.to_owned(), number);
    }

    fn int(&mut self, int: u32) {
        if let Ok(int) = u8::try_from(int) {
            self.out.extend([b'K', int]);
        } else if let Ok(int) = u16::try_from(int) {
            self.out.push(b'M');
            self.out.extend(int.to_le_bytes());
        } else {
            self.out.push(b'J');
            self.out.extend(int.to_le_bytes());
        }
    }

    fn memoize(&mut self) -> u32 {
        self.out.push(b'\x94');
        self.next += 1;
        self.next - 1
    }

    fn get(&mut self, number: u32) {
        if let Ok(number) = u8::try_from(number) {
            self.out.extend([b'h', number]);
        } else {
            self.out.push(b'j');
            self.out.extend(number.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use casty_client::Codec;
    use casty_proto::Limits;

    use super::*;
    use crate::views::{Scale, snapshot};

    #[test]
    fn what_is_written_is_read_as_the_view_that_it_is() {
        let scale = Scale {
            members: 300,
            regions: 3,
            shards: 400,
        };
        let mut view = snapshot(scale, |_, _| false);
        view.unreachable.0.push(view.members.0[7].address.clone());
        let read = Codec::pickle().decode(&pickled(&view), &Limits::new());
        assert_eq!(read, Ok(view));
    }
}
