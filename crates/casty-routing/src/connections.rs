//! The connections of a client: to be made, to be kept, to be ended.
//!
//! Contacts are the way into a cluster: they are dialled until a view names members, and again
//! whenever none of those can be connected. Members are connected as soon as a view names them,
//! because a reply may come from any of them. `dial.rs` decides which address is dialled, and when;
//! `discovery.rs` when contacts are asked for; this file which connections stay.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use casty_proto::NodeAddress;

mod address_book;
mod agenda;
mod dial;
mod discovery;
mod event;
mod open;

pub use event::{ConnectionsConfig, ConnectionsInput, ConnectionsOutput};

use address_book::AddressBook;
use discovery::Discovery;
use open::OpenConnection;

use crate::backoff::Backoff;

/// The dialling engine, which keeps one connection to each node that should have one, whatever
/// names lead there.
///
/// Memory: an entry for each contact, given or found, for each member and non-member up to the limits, for as many
/// again that lately were, and for each connection. A view costs time for each member and each
/// connection; any other input, and a poll, the logarithm of their number, however many are due,
/// fail or are lost.
///
/// ```
/// # use std::time::{Duration, Instant};
/// use casty_routing::{Connections, ConnectionsConfig, ConnectionsInput, ConnectionsOutput};
///
/// let (now, first, second) = (Instant::now(), "a:1".parse()?, "b:1".parse()?);
/// let contacts = vec![first, second];
/// let mut connections = Connections::new(ConnectionsConfig::default(), contacts, 7);
/// connections.handle(now, ConnectionsInput::Tick);
/// assert_eq!(connections.poll(), ConnectionsOutput::Dial("a:1".parse()?));
/// // The second contact is next when the first has had a head start.
/// let head_start = now + Duration::from_millis(100);
/// assert_eq!(connections.poll(), ConnectionsOutput::Wait(Some(head_start)));
/// connections.handle(now, ConnectionsInput::Failed { dialled: "a:1".parse()? });
/// assert_eq!(connections.poll(), ConnectionsOutput::Dial("b:1".parse()?));
/// # Ok::<(), casty_proto::AddressError>(())
/// ```
#[derive(Debug)]
pub struct Connections {
    book: AddressBook,
    source: Option<NodeAddress>,
    /// `true` once a view was seen.
    informed: bool,
    /// The questions for contacts, if any are to be asked.
    discovery: Option<Discovery>,
    outputs: VecDeque<ConnectionsOutput>,
}

impl Connections {
    /// Creates an engine that dials `contacts`, in that order, from the first input on. `seed`
    /// determines the jitter of its attempts.
    pub fn new(config: ConnectionsConfig, contacts: Vec<NodeAddress>, seed: u64) -> Self {
        let mut book = AddressBook::new(config, seed);
        for (place, contact) in contacts.into_iter().enumerate() {
            book.candidate(contact).contact.get_or_insert(place);
        }
        book.settle();
        Self {
            book,
            source: None,
            informed: false,
            discovery: None,
            outputs: VecDeque::new(),
        }
    }

    /// Has contacts asked for, beside those that were given: with the first input, and again whenever
    /// contacts are needed and those that are known have failed, with growing pauses
    /// ([`ConnectionsOutput::Discover`]).
    #[must_use]
    pub fn discovering(mut self) -> Self {
        let Self { book, .. } = &mut self;
        let backoff = Backoff::new(book.config.backoff, book.rng.next());
        self.discovery = Some(Discovery::new(book.candidates.len(), backoff));
        self
    }

    /// Takes in an event; [`poll`](Self::poll) then returns what to do.
    pub fn handle(&mut self, now: Instant, input: ConnectionsInput) {
        match input {
            ConnectionsInput::View { live, gone } => self.view(now, live, gone),
            ConnectionsInput::Source(source) => self.source = source,
            ConnectionsInput::Stale(stale) => {
                let since = self.book.stale_since().unwrap_or(now);
                self.book.set_stale_since(stale.then_some(since));
            }
            ConnectionsInput::Want(node) => self.want(now, node),
            ConnectionsInput::Connected { dialled, canonical } => {
                self.connected(now, &dialled, canonical);
            }
            ConnectionsInput::Failed { dialled } => self.failed(now, &dialled),
            ConnectionsInput::Lost { node } => self.lost(now, &node),
            ConnectionsInput::Discovered(contacts) => {
                if let Some(discovery) = &mut self.discovery {
                    discovery.answer(now, contacts, &mut self.book);
                }
            }
            ConnectionsInput::Tick => {}
        }
        self.book.settle();
        // First, because a name is dialled again once the connection to its node has ended.
        self.prune(now);
        while let Some(address) = self.book.start_dial(now) {
            self.outputs.push_back(ConnectionsOutput::Dial(address));
        }
        // Last, because a contact that is dialled now may make others needless.
        if let Some(discovery) = &mut self.discovery
            && discovery.asks(now, &self.book)
        {
            self.outputs.push_back(ConnectionsOutput::Discover);
        }
    }

    /// Returns the next thing to do. To be called until it returns [`ConnectionsOutput::Wait`].
    #[must_use = "an output is returned once"]
    pub fn poll(&mut self) -> ConnectionsOutput {
        match self.outputs.pop_front() {
            Some(output) => output,
            None => ConnectionsOutput::Wait(self.deadline()),
        }
    }

    /// Returns the nodes that are connected, by canonical address.
    pub fn connected_nodes(&self) -> impl Iterator<Item = &NodeAddress> {
        self.book.open.nodes()
    }

    /// Returns whether the node with this canonical address is connected.
    pub fn is_connected(&self, node: &NodeAddress) -> bool {
        self.book.open.contains(node)
    }

    /// Returns the node that an address led to when last connected; `None` if that calls itself
    /// by this address.
    pub fn leads_to(&self, address: &NodeAddress) -> Option<&NodeAddress> {
        self.book.candidates.get(address)?.leads_to.as_ref()
    }

    /// Returns whether an address is a contact: one that was given, or found last.
    pub fn is_contact(&self, address: &NodeAddress) -> bool {
        let candidate = self.book.candidates.get(address);
        candidate.is_some_and(|candidate| candidate.contact.is_some())
    }

    /// Returns the contacts, those that were given and those that were found last, by address. Costs time for each
    /// address that is known.
    pub fn contacts(&self) -> impl Iterator<Item = &NodeAddress> {
        let candidates = self.book.candidates.iter();
        let contacts = candidates.filter(|(_, candidate)| candidate.contact.is_some());
        contacts.map(|(address, _)| address)
    }

    /// Returns whether a connection that dialling an address has made may count as one to the node
    /// `canonical`, as its peer calls itself. To be asked before [`ConnectionsInput::Connected`].
    ///
    /// `covered` tells whether a certificate, or the way that was dialled, shows that the peer is
    /// that node; `None` if nothing does. Then a contact is believed, because a name leads to any
    /// node, but no member that is dialled as itself, and none that calls itself like another.
    pub fn admits(
        &self,
        dialled: &NodeAddress,
        canonical: &NodeAddress,
        covered: Option<bool>,
    ) -> bool {
        if dialled == canonical {
            return true;
        }
        covered.unwrap_or_else(|| {
            let is_member = |node| self.book.live.contains(node);
            self.is_contact(dialled) && !(is_member(dialled) && is_member(canonical))
        })
    }

    /// Returns the live members that could not be connected when last dialled.
    pub fn suspects(&self) -> impl Iterator<Item = &NodeAddress> {
        self.book.suspects.iter()
    }

    /// Returns the number of dials under way.
    pub fn dials_in_flight(&self) -> usize {
        self.book.dialling.len()
    }

    fn view(&mut self, now: Instant, live: Vec<NodeAddress>, gone: Vec<NodeAddress>) {
        let Self { book, .. } = self;
        let gone: BTreeSet<_> = gone.into_iter().collect();
        let mut live: BTreeSet<_> = live.into_iter().collect();
        if let Some(beyond) = live.iter().nth(book.config.members).cloned() {
            live.split_off(&beyond);
        }
        let former = std::mem::take(&mut book.live);
        for node in live.difference(&former) {
            book.hasten(now, node.clone());
        }
        for node in former.difference(&live) {
            book.touch(node);
        }
        let down = now + book.config.down_grace;
        let removed = now + book.config.removal_grace;
        let stale_since = book.stale_since();
        book.open.set_ends(&live, |node, open| {
            let silent = stale_since.is_some_and(|since| open.since < since);
            match open.ends {
                _ if live.contains(node) => None,
                ends if gone.contains(node) => Some(ends.map_or(down, |at| at.min(down))),
                None if silent => Some(now),
                None if former.contains(node) => Some(removed),
                ends => ends,
            }
        });
        book.suspects.retain(|node| live.contains(node));
        book.live = live;
        self.informed = true;
    }

    fn want(&mut self, now: Instant, node: NodeAddress) {
        let Self { book, .. } = self;
        if book.open.contains(&node) {
            return;
        }
        if !book.live.contains(&node) {
            if book.open.non_members() + book.wanted.len() >= book.config.non_members {
                return;
            }
            book.wanted.insert(node.clone());
        }
        book.hasten(now, node);
    }

    fn connected(&mut self, now: Instant, dialled: &NodeAddress, canonical: NodeAddress) {
        let Self { book, .. } = self;
        book.dialling.remove(dialled);
        // Both are to be removed, so the second must not depend on the first.
        let non_member = book.wanted.remove(dialled) | book.wanted.remove(&canonical);
        book.touch(dialled);
        book.touch(&canonical);
        let alias = *dialled != canonical;
        book.set_leads_to(dialled, alias.then(|| canonical.clone()));
        if alias && book.live.contains(dialled) {
            // Another node has taken the member's address.
            self.failed(now, dialled);
        }
        let Self { book, outputs, .. } = self;
        if book.open.contains(&canonical) {
            book.postpone(now, dialled);
            let duplicate = ConnectionsOutput::Duplicate(dialled.clone());
            return outputs.push_back(duplicate);
        }
        book.suspects.remove(&canonical);
        let open = OpenConnection {
            since: now,
            non_member,
            ends: None,
        };
        let live = book.live.contains(&canonical);
        book.open.insert(canonical, open, live);
        if let Some(discovery) = &mut self.discovery {
            discovery.connected(now);
        }
    }

    fn failed(&mut self, now: Instant, dialled: &NodeAddress) {
        let Self { book, outputs, .. } = self;
        book.dialling.remove(dialled);
        let wanted = book.wanted.remove(dialled);
        let Some(candidate) = book.postpone(now, dialled) else {
            return;
        };
        if candidate.contact.is_some() {
            book.next_contact = None;
        }
        if book.open.contains(dialled) {
            return;
        }
        let live = book.live.contains(dialled);
        if (live && book.suspects.insert(dialled.clone())) || (wanted && !live) {
            outputs.push_back(ConnectionsOutput::Suspect(dialled.clone()));
        }
    }

    fn lost(&mut self, now: Instant, node: &NodeAddress) {
        let Some(open) = self.book.open.remove(node) else {
            return;
        };
        self.source.take_if(|source| source == node);
        if let Some(discovery) = &mut self.discovery {
            discovery.lost(open.since);
        }
        let stable = now >= open.since + self.book.config.stable_after;
        self.book.redial(now, node, stable);
    }

    /// Ends connections that nothing needs, and forgets addresses that will not be dialled.
    fn prune(&mut self, now: Instant) {
        // Until a view says what the cluster is, any connection may be the only way into it.
        if self.informed {
            self.close_needless(now);
        }
        self.book.settle();
        self.book.forget_unused(now);
    }

    fn close_needless(&mut self, now: Instant) {
        let Self { book, source, .. } = self;
        // A contact that is no member serves until another node feeds the view.
        let needless = source.is_some() && book.stale_since().is_none();
        for node in book.open.ended(now, needless, source.as_ref()) {
            book.open.remove(&node);
            book.touch(&node);
            self.outputs.push_back(ConnectionsOutput::Close(node));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let end = self.book.open.next_end(self.source.as_ref());
        let question = self.discovery.as_ref().and_then(Discovery::next);
        let dial = self.book.next_dial_at();
        dial.into_iter().chain(end).chain(question).min()
    }
}

#[cfg(test)]
mod tests;
