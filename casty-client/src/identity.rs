//! What a client announces itself to be, and so where nodes send its answers.
//!
//! Nodes find the way back to a client by the address it announced (section 2 of the protocol's
//! description). Two clients with one address steal each other's connections, so every client
//! takes one of its own: a random loopback address with port 0. A node that lost the connection
//! dials it, and there the dial fails at once, without a name to look up or a packet on the wire.

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use casty_proto::header::Header;
use casty_proto::{ActorRef, NodeAddress};
use parking_lot::Mutex;

use crate::asks::AskId;

/// The addresses that clients of this process announce.
static TAKEN: LazyLock<Mutex<HashSet<NodeAddress>>> = LazyLock::new(Mutex::default);

thread_local! {
    /// Where the references of asks are put together.
    static URI: Cell<String> = const { Cell::new(String::new()) };
}

/// The address of one client, and the URIs that are made of it.
#[derive(Debug)]
pub(crate) struct Identity {
    address: NodeAddress,
    /// Whether the address is given back when the client ends.
    own: bool,
    /// `casty://<system>-client@<host>:<port>`, the root of all references to this client.
    root: String,
    /// How the header of a message to this client begins, up to the path.
    header_start: Vec<u8>,
    /// Sixteen digits that tell replies to this client from replies to any other that ever
    /// announced the same address.
    nonce: [u8; 16],
}

impl Identity {
    /// The identity of a client of the cluster `system`: at `fixed` if the user announces an
    /// address of his own, else at one that no other client has.
    pub(crate) fn new(system: &str, fixed: Option<NodeAddress>) -> Self {
        let own = fixed.is_none();
        let address = fixed.unwrap_or_else(unique);
        let root = format!("casty://{system}-client@{address}");
        let nonce = format!("{:016x}", random()).into_bytes();
        let mut header_start = Vec::new();
        Header {
            target: (&*root).into(),
            sender: "".into(),
            type_hint: "".into(),
        }
        .write(&mut header_start);
        // Behind the length, and up to the quote that ends the target.
        let end = header_start
            .windows(12)
            .position(|at| at == br#"", "sender":"#);
        let header_start = header_start[4..end.unwrap_or(4)].to_vec();
        Self {
            address,
            own,
            root,
            header_start,
            nonce: nonce.try_into().unwrap_or([b'0'; 16]),
        }
    }

    /// The address that is announced.
    pub(crate) fn address(&self) -> &NodeAddress {
        &self.address
    }

    /// The client as the sender of messages.
    pub(crate) fn sender(&self) -> String {
        format!("{}/", self.root)
    }

    /// The URI of a path of this client.
    pub(crate) fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// The reference that replies to an ask go to.
    pub(crate) fn ask_ref<R>(&self, id: AskId) -> ActorRef<R> {
        // Taken out while in use, so that only the reference itself is allocated.
        let mut uri = URI.take();
        uri.clear();
        uri.push_str(&self.root);
        uri.push_str("/_ask/");
        uri.push_str(str::from_utf8(&id.hex()).unwrap_or_default());
        uri.push_str(str::from_utf8(&self.nonce).unwrap_or_default());
        let reference = ActorRef::from_uri_unchecked(uri.as_str());
        URI.set(uri);
        reference
    }

    /// The ask that a path of this client stands for, if it does.
    pub(crate) fn ask_id(&self, path: &[u8]) -> Option<AskId> {
        let (id, nonce) = path.strip_prefix(b"/_ask/")?.split_at_checked(16)?;
        if nonce == self.nonce {
            AskId::from_hex(id)
        } else {
            None
        }
    }

    /// The same from the whole header of a message, if nodes write it as they are known to: a
    /// comparison instead of parsing JSON.
    pub(crate) fn ask_id_of_header(&self, header: &[u8]) -> Option<AskId> {
        let path = header.strip_prefix(&*self.header_start)?.get(..38)?;
        self.ask_id(path)
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        if self.own {
            TAKEN.lock().remove(&self.address);
        }
    }
}

fn unique() -> NodeAddress {
    let mut taken = TAKEN.lock();
    loop {
        let [a, b, c, ..] = random().to_be_bytes();
        // 127.0.0.1 is what every Python client announces; 127.0.0.0/16 is left to such.
        let host = format!("127.{}.{b}.{c}", a.max(1));
        let address = NodeAddress::new(host, 0);
        if taken.insert(address.clone()) {
            return address;
        }
    }
}

/// Random bits of the operating system's, by way of the keys of a hash map.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_unique_and_given_back() {
        let many: Vec<_> = (0..200).map(|_| Identity::new("s", None)).collect();
        let distinct: HashSet<_> = many.iter().map(|one| one.address().clone()).collect();
        assert_eq!(distinct.len(), 200);
        assert!(
            distinct
                .iter()
                .all(|one| one.port() == 0 && one.host().starts_with("127."))
        );
        drop(many);
        assert!(TAKEN.lock().is_disjoint(&distinct));
    }

    #[test]
    fn replies_are_recognised_by_their_header_alone() {
        for host in ["127.1.2.3", "a \"quoted\" h\u{f6}st"] {
            let identity = Identity::new("s", Some(NodeAddress::new(host, 0)));
            let id = AskId::from_hex(b"00000007000000a1").unwrap();
            let target = identity.ask_ref::<()>(id);
            let mut header = Vec::new();
            let sender = "casty://s@n:1/".into();
            Header {
                target: target.uri().into(),
                sender,
                type_hint: "builtins.int".into(),
            }
            .write(&mut header);
            assert_eq!(identity.ask_id_of_header(&header[4..]), Some(id));
            assert_eq!(
                identity.ask_id(target.parts().unwrap().path.as_bytes()),
                Some(id)
            );
            let other = Identity::new("s", Some(NodeAddress::new(host, 0)));
            assert_eq!(
                other.ask_id_of_header(&header[4..]),
                None,
                "another client's nonce"
            );
            assert_eq!(
                identity.ask_id_of_header(b"{\"target\": \"casty://s-cl"),
                None
            );
        }
    }

    #[test]
    fn an_announced_address_is_kept_to_the_letter() {
        let identity = Identity::new("s", Some(NodeAddress::new("gateway", 7)));
        assert_eq!(identity.uri("/a"), "casty://s-client@gateway:7/a");
        assert_eq!(identity.sender(), "casty://s-client@gateway:7/");
    }
}
