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
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use casty_proto::header::Header;
use casty_proto::{ActorRef, Escaped, NodeAddress};
use parking_lot::Mutex;

use crate::pending_asks::id::ReplyAddress;
use crate::runtime::random::Rng;

/// The generated addresses that clients of this process announce. No other lock is taken with this
/// one locked.
static TAKEN: LazyLock<Mutex<HashSet<NodeAddress>>> = LazyLock::new(Mutex::default);

thread_local! {
    /// A reference whose memory is used for that of the next ask.
    static FORMER: Cell<Option<Former>> = const { Cell::new(None) };
}

/// The reference of an ask that is over.
struct Former {
    /// The number of the identity that wrote it.
    by: u64,
    reference: ActorRef<()>,
}

/// The beginning of the paths to which replies are sent, before the letters of a [`ReplyAddress`].
const ASK_PATH: &str = "/_ask/";
/// The length of such a path.
const ASK_PATH_LENGTH: usize = ASK_PATH.len() + ReplyAddress::LETTERS;

/// One address of a client, and the URIs that begin with it.
pub(crate) struct Identity {
    /// The number of the identity among all of this process.
    number: u64,
    client: Arc<Client>,
    address: NodeAddress,
    /// Set if the address was generated, and is free again in the end.
    generated: bool,
    /// `casty://<system>-client@<host>:<port>`, the root of all references to this address.
    root: String,
    /// The beginning of the URIs to which replies are sent, up to the letters.
    ask_root: String,
    /// The beginning of the header of a reply to this address, up to the letters.
    reply_start: Vec<u8>,
}

/// The part that all addresses of a client share.
struct Client {
    /// `casty://<system>-client@`
    root: String,
    rng: Arc<Rng>,
}

impl Identity {
    /// Returns the identity of a client of the cluster `system`: at `fixed` if the user announces
    /// an address of their own, else at one that no other client has.
    pub(crate) fn new(system: &str, fixed: Option<NodeAddress>, rng: &Arc<Rng>) -> Self {
        let client = Client {
            root: format!("casty://{system}-client@"),
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
        // Relaxed: each identity needs a number of its own, in no particular order.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let is_generated = fixed.is_none();
        let address = fixed.unwrap_or_else(|| generated(&client.rng));
        let root = client.root.clone() + &address.to_raw();
        let ask_root = root.clone() + ASK_PATH;
        let mut header = Vec::new();
        Header {
            target: (&*ask_root).into(),
            sender: "".into(),
            type_hint: "".into(),
        }
        .write(&mut header);
        // Behind the length, and up to the quote that ends the target.
        let end = header.windows(12).position(|at| at == br#"", "sender":"#);
        let reply_start = header[4..end.unwrap_or(4)].to_vec();
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            client,
            address,
            generated: is_generated,
            root,
            ask_root,
            reply_start,
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
    /// was [given back](Self::give_back), and no clone of it is kept.
    pub(crate) fn ask_ref(&self, address: ReplyAddress) -> ActorRef<()> {
        let former = FORMER.try_with(Cell::take).ok().flatten();
        let is_own = former.as_ref().is_some_and(|it| it.by == self.number);
        let length = self.ask_root.len();
        ActorRef::rewritten(former.map(|it| it.reference), |uri| {
            // That of the ask before differs in its letters alone.
            if is_own && uri.len() == length + ReplyAddress::LETTERS {
                uri.truncate(length);
            } else {
                uri.clear();
                uri.push_str(&self.ask_root);
            }
            uri.push_str(str::from_utf8(&address.letters()).unwrap_or_default());
        })
    }

    /// Gives back the reference of an ask whose message was sent, for the next one of this thread.
    pub(crate) fn give_back(&self, reply_to: ActorRef<()>) {
        // A clone may be kept by whoever it was told to: then it is nobody else's to write over.
        if !reply_to.is_shared() {
            let former = Former {
                by: self.number,
                reference: reply_to,
            };
            FORMER.try_with(|place| place.set(Some(former))).ok();
        }
    }

    /// Returns whether an encoded message contains the path of an ask as text.
    pub(crate) fn is_asked_in(message: &[u8], address: ReplyAddress) -> bool {
        memchr::memmem::find(message, &ask_path(address)).is_some()
    }

    /// Replaces the address in references to an ask in an encoded message by this one, which has
    /// the length of all generated ones.
    pub(crate) fn readdress(&self, message: &mut [u8], address: ReplyAddress) {
        let own = self.address.to_raw();
        let path = ask_path(address);
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

    /// Returns the address that a path of this client names, if it is that of an ask. Whether an ask was
    /// told it is not looked at.
    pub(crate) fn address_in_path(path: &[u8]) -> Option<ReplyAddress> {
        ReplyAddress::read(path.strip_prefix(ASK_PATH.as_bytes())?)
    }

    /// Returns the address that a header names, if that is written as nodes write it for replies: by a
    /// comparison of bytes instead of parsing JSON. Whether an ask was told it is not looked at.
    #[inline]
    pub(crate) fn address_in_header(&self, header: &[u8]) -> Option<ReplyAddress> {
        ReplyAddress::read(header.strip_prefix(&*self.reply_start)?)
    }
}

/// Returns the path to which the reply to an ask is sent.
fn ask_path(address: ReplyAddress) -> [u8; ASK_PATH_LENGTH] {
    let mut path = [0; ASK_PATH_LENGTH];
    let (start, letters) = path.split_at_mut(ASK_PATH.len());
    start.copy_from_slice(ASK_PATH.as_bytes());
    letters.copy_from_slice(&address.letters());
    path
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", Escaped::new(&self.root))
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
