//! The addresses that a client announces, to which nodes send its replies.
//!
//! Nodes find the connection of a client by the address that it announced. Two clients with one
//! address steal each other's connections, so every client takes one of its own, and a fresh one
//! for each node that it comes back to (see [`casty_routing::Renewal`]). The address is random, and
//! nothing can listen there: it is a group address (RFC 2365), to which the kernel refuses to
//! connect at once, without looking up a name or sending a packet, whatever the port. So 37 bits
//! distinguish clients, and a node that lost a connection and dials the address does not wait.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use casty_proto::header::Header;
use casty_proto::{ActorRef, NodeAddress};
use parking_lot::Mutex;
use siphasher::sip::SipHasher13;

use crate::pending_asks::hex::{from_hex, hex};
use crate::pending_asks::id::AskId;
use crate::runtime::random::Rng;

/// The generated addresses that clients of this process announce. No other lock is taken with this
/// one locked.
static TAKEN: LazyLock<Mutex<HashSet<NodeAddress>>> = LazyLock::new(Mutex::default);

thread_local! {
    /// The reference of an ask that is over, whose memory is used for the next one.
    static FORMER: Cell<Option<ActorRef<()>>> = const { Cell::new(None) };
}

/// The beginning of the paths to which replies are sent.
const ASK_PATH: &[u8; 6] = b"/_ask/";

/// One address of a client, and the URIs that begin with it.
#[derive(Debug)]
pub(crate) struct Identity {
    client: Arc<Client>,
    address: NodeAddress,
    /// Set if the address was generated, and is free again in the end.
    generated: bool,
    /// `casty://<system>-client@<host>:<port>`, the root of all references to this address.
    root: String,
    /// The beginning of the header of a message to this address, up to the path.
    header_start: Vec<u8>,
}

/// The part that all addresses of a client share.
#[derive(Debug)]
struct Client {
    /// `casty://<system>-client@`
    root: String,
    /// The key that no node knows; see [`Client::ask_path`].
    key: SipHasher13,
    rng: Arc<Rng>,
}

impl Identity {
    /// Returns the identity of a client of the cluster `system`: at `fixed` if the user announces
    /// an address of their own, else at one that no other client has.
    pub(crate) fn new(system: &str, fixed: Option<NodeAddress>, rng: &Arc<Rng>) -> Self {
        let client = Client {
            root: format!("casty://{system}-client@"),
            key: SipHasher13::new_with_keys(rng.next_u64(), rng.next_u64()),
            rng: Arc::clone(rng),
        };
        Self::at(Arc::new(client), fixed)
    }

    /// Returns the same client at a fresh address; `None` if the user announces one of their own.
    pub(crate) fn renewed(&self) -> Option<Self> {
        self.generated
            .then(|| Self::at(Arc::clone(&self.client), None))
    }

    fn at(client: Arc<Client>, fixed: Option<NodeAddress>) -> Self {
        let is_generated = fixed.is_none();
        let address = fixed.unwrap_or_else(|| generated(&client.rng));
        let root = client.root.clone() + &address.to_raw();
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
            client,
            address,
            generated: is_generated,
            root,
            header_start,
        }
    }

    /// Returns whether the address was generated, and so can be renewed.
    pub(crate) fn is_generated(&self) -> bool {
        self.generated
    }

    /// Returns the address that is announced.
    pub(crate) fn address(&self) -> &NodeAddress {
        &self.address
    }

    /// Returns the URI that messages name as their sender.
    pub(crate) fn sender(&self) -> String {
        format!("{}/", self.root)
    }

    /// Returns the URI of a path of this client.
    pub(crate) fn uri(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// Returns the reference to which the reply to an ask is sent. Allocates nothing if the one before
    /// was [given back](give_back), and no clone of it is kept.
    pub(crate) fn ask_ref(&self, id: AskId) -> ActorRef<()> {
        let former = FORMER.try_with(Cell::take).ok().flatten();
        ActorRef::written_over(former, |uri| {
            uri.push_str(&self.root);
            let path = self.client.ask_path(id);
            uri.push_str(str::from_utf8(&path).unwrap_or_default());
        })
    }

    /// Returns whether an encoded message contains the path of an ask as text.
    pub(crate) fn is_asked_in(&self, message: &[u8], id: AskId) -> bool {
        memchr::memmem::find(message, &self.client.ask_path(id)).is_some()
    }

    /// Replaces the address in references to an ask in an encoded message by this one, which has
    /// the length of all generated ones.
    pub(crate) fn readdress(&self, message: &mut [u8], id: AskId) {
        let own = self.address.to_raw();
        let path = self.client.ask_path(id);
        // The path holds 64 bits that nobody else knows, so nothing else is found.
        let paths: Vec<_> = memchr::memmem::find_iter(message, &path).collect();
        for path in paths {
            let start = path.saturating_sub(own.len());
            let address = &mut message[start..path];
            if address.len() == own.len() && address.starts_with(GROUP.as_bytes()) {
                address.copy_from_slice(own.as_bytes());
            }
        }
    }

    /// Returns the ask to which a path of this client belongs, if any.
    pub(crate) fn ask_id(&self, path: &[u8]) -> Option<AskId> {
        let (id, tag) = path.strip_prefix(ASK_PATH)?.split_at_checked(16)?;
        let id = AskId::from_hex(id)?;
        (from_hex(tag)? == self.client.tag(id)).then_some(id)
    }

    /// Returns the ask to which a message is addressed, from its whole header if that is written as
    /// nodes do: by a comparison of bytes instead of parsing JSON.
    pub(crate) fn ask_id_of_header(&self, header: &[u8]) -> Option<AskId> {
        let path = header
            .strip_prefix(&*self.header_start)?
            .get(..ASK_PATH.len() + 32)?;
        self.ask_id(path)
    }
}

/// Gives back the reference of an ask whose message was sent, for the next one of this thread.
pub(crate) fn give_back(reply_to: ActorRef<()>) {
    // A clone may be kept by whoever it was told to: then it is nobody else's to write over.
    if !reply_to.is_shared() {
        FORMER.try_with(|former| former.set(Some(reply_to))).ok();
    }
}

impl Client {
    /// Returns the path to which the reply to an ask is sent: the ask's id, and a tag that only who
    /// was told can know. A node knows the ids of its own asks, which tell it those of others, but
    /// not their tags, so it can answer no ask but those that reached it. Nor does a reply to
    /// another client that announced the same address reach this one.
    fn ask_path(&self, id: AskId) -> [u8; ASK_PATH.len() + 32] {
        let mut path = [0; ASK_PATH.len() + 32];
        let (start, digits) = path.split_at_mut(ASK_PATH.len());
        start.copy_from_slice(ASK_PATH);
        let (bits, tag) = digits.split_at_mut(16);
        bits.copy_from_slice(&hex(id.bits()));
        tag.copy_from_slice(&hex(self.tag(id)));
        path
    }

    /// Returns the keyed hash of an ask's id.
    #[inline]
    fn tag(&self, id: AskId) -> u64 {
        self.key.hash(&id.bits().to_le_bytes())
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        if self.generated && !self.client.rng.is_seeded() {
            TAKEN.lock().remove(&self.address);
        }
    }
}

/// The beginning of generated addresses, which are of one length: `239.123.234.111:12345`.
const GROUP: &str = "239.";

/// Returns an address that no other client of this process has. In a simulation the seed alone
/// decides, whatever else runs in the process.
fn generated(rng: &Rng) -> NodeAddress {
    if rng.is_seeded() {
        return draw(rng);
    }
    let mut taken = TAKEN.lock();
    loop {
        let address = draw(rng);
        if taken.insert(address.clone()) {
            return address;
        }
    }
}

fn draw(rng: &Rng) -> NodeAddress {
    let mut bits = rng.next_u64();
    let mut draw = |from: u64, to: u64| {
        let count = to - from + 1;
        let drawn = bits % count;
        bits /= count;
        from + drawn
    };
    let [a, b, c] = [(); 3].map(|()| draw(100, 255));
    let port = u16::try_from(draw(10_000, 65_535)).unwrap_or(u16::MAX);
    NodeAddress::new(format!("{GROUP}{a}.{b}.{c}"), port)
}

#[cfg(test)]
mod tests;
