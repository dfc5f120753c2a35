//! Ten thousand clients that lose their connections a hundred times each, at a node that sends
//! replies to the client that announced the address in them.

use std::collections::{HashMap, VecDeque};

use crate::node::identity::*;
use crate::pending_asks::id::AskId;

const RECONNECTS: usize = 100;

/// A generator that draws the same numbers every time.
struct Rng(u64);

impl Rng {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % count
    }
}

struct One {
    identity: Identity,
    asks: Vec<ReplyAddress>,
}

/// A node's table of connections, and the replies that it has not sent yet.
#[derive(Default)]
struct Node {
    connections: HashMap<NodeAddress, usize>,
    replies: VecDeque<(ActorRef<()>, usize)>,
    to_another: usize,
    matched: usize,
}

impl Node {
    /// Sends the oldest reply to the client that is connected under its address by now, which takes
    /// it only if it is the reply to an ask of its own.
    fn reply(&mut self, clients: &mut [One]) {
        let Some((to, asker)) = self.replies.pop_front() else {
            return;
        };
        let uri = to.parts().unwrap();
        let Some(&receiver) = self.connections.get(&uri.node_address().unwrap()) else {
            return;
        };
        self.to_another += usize::from(receiver != asker);
        let client = &mut clients[receiver];
        let Some(ask) = Identity::address_in_path(uri.path.as_bytes()) else {
            return;
        };
        if let Some(place) = client.asks.iter().position(|pending| *pending == ask) {
            client.asks.remove(place);
            assert_eq!(receiver, asker, "a reply for another client");
            self.matched += 1;
        }
    }
}

/// Runs clients that ask and come back in random order, under the identity that `again` returns.
fn many_clients(
    count: usize,
    first: impl Fn() -> Identity,
    again: impl Fn(&Identity) -> Identity,
) -> Node {
    let mut rng = Rng(7);
    let secrets = crate::runtime::random::Rng::seeded(7);
    let mut node = Node::default();
    let one = || One {
        identity: first(),
        asks: Vec::new(),
    };
    let mut clients: Vec<_> = (0..count).map(|_| one()).collect();
    for number in 0..count * RECONNECTS {
        let who = rng.below(count);
        let renewed = again(&clients[who].identity);
        let client = &mut clients[who];
        let old = std::mem::replace(&mut client.identity, renewed);
        if node.connections.get(old.address()) == Some(&who) {
            node.connections.remove(old.address());
        }
        node.connections
            .insert(client.identity.address().clone(), who);
        // Slots and generations are few, and equal in all clients.
        let id = AskId::from_bits((number % 7) as u64);
        let secret = secrets.next_u64();
        let ask = ReplyAddress { id, secret };
        client.asks.push(ask);
        node.replies.push_back((client.identity.ask_ref(ask), who));
        // Replies come late, when many others have come and gone.
        if node.replies.len() > count / 10 {
            node.reply(&mut clients);
        }
    }
    node
}

#[test]
fn no_reply_reaches_another_client_where_each_has_an_address_of_its_own() {
    const CLIENTS: usize = 10_000;
    let node = many_clients(
        CLIENTS,
        || Identity::new("s", None, &Arc::default()),
        |identity| identity.renewed().unwrap(),
    );
    assert_eq!(node.to_another, 0);
    assert!(node.matched > CLIENTS * RECONNECTS / 2, "{}", node.matched);
}

#[test]
fn no_reply_is_taken_for_an_answer_by_another_client_where_all_share_one_address() {
    const CLIENTS: usize = 1_000;
    let shared = || Identity::new("s", Some(NodeAddress::new("127.0.0.1", 0)), &Arc::default());
    let node = many_clients(CLIENTS, shared, |_| shared());
    assert!(
        node.to_another > CLIENTS * RECONNECTS / 2,
        "{}",
        node.to_another
    );
}
