//! Which nodes are connected, and when each is dialled.
//!
//! Contacts are the way into a cluster: they are dialled until a view names members, and again
//! whenever none of those can be connected. Members are connected as soon as a view names them,
//! because a reply may come from any of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use crate::backoff::{Backoff, BackoffConfig, Dice};

/// The pace and the bounds of [`Connections`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionsConfig {
    /// Between attempts at one address.
    pub backoff: BackoffConfig,
    /// How long a contact has before the next one is dialled beside it. Default 100 ms.
    pub stagger: Duration,
    /// How many contacts are dialled at a time. Default 8.
    pub contact_dials: usize,
    /// How many members are dialled at a time. Default 32.
    pub member_dials: usize,
    /// The most members that are connected; those of lower address come first. Default 1,024.
    pub members: usize,
    /// The most nodes outside the view that are connected because they are wanted. Default 64.
    pub non_members: usize,
    /// The longest wait before the first attempt after a loss, which spreads clients. Default
    /// 10 ms.
    pub redial_jitter: Duration,
    /// How long a connection must have lived for its loss to count as the first. One that breaks
    /// sooner is redialled with growing delays. Default 1 s.
    pub stable_after: Duration,
    /// How long a connection stays open after its node vanished from the view, since views of
    /// different nodes differ for seconds. Default 10 s.
    pub removal_grace: Duration,
    /// How long a connection stays open after a view declared its node down or removed. Nodes that
    /// are only slow are declared down as well, and still answer what they were asked. Default 2 s.
    pub down_grace: Duration,
    /// How long an address that led to a node of another name is left alone while that node is
    /// connected. Nodes take one connection of a client each, so trying may cost that one; names
    /// may come to lead elsewhere. Default 1 min.
    pub alias_pause: Duration,
    /// How long a node that was connected while the view was not fed may take to feed it, before
    /// names that led to it are dialled again. Default 3 s: it has 2 s for its first view.
    pub silence_timeout: Duration,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        Self {
            backoff: BackoffConfig::default(),
            stagger: Duration::from_millis(100),
            contact_dials: 8,
            member_dials: 32,
            members: 1_024,
            non_members: 64,
            redial_jitter: Duration::from_millis(10),
            stable_after: Duration::from_secs(1),
            removal_grace: Duration::from_secs(10),
            down_grace: Duration::from_secs(2),
            alias_pause: Duration::from_mins(1),
            silence_timeout: Duration::from_secs(3),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionsInput {
    /// A view arrived. Members in neither list (unreachable, joining, leaving) keep a connection
    /// for a while, but are not dialled.
    View {
        /// The members that are up and reachable.
        live: Vec<NodeAddress>,
        /// The members that are down or removed. One that is also live counts as live.
        gone: Vec<NodeAddress>,
    },
    /// This node feeds the view, or none does. It is never closed.
    Source(Option<NodeAddress>),
    /// Whether the view is no longer fed, although nodes are connected: they are silent, and may
    /// have no address any more. Contacts are dialled besides, names too that led to one of them.
    /// The first view that comes then is the word on all that are connected: who is not in it is
    /// not waited for.
    Stale(bool),
    /// Something is to be sent to a node without a connection. A member's next dial is brought
    /// forward; any other node is dialled once, and stays connected until it is lost or gone.
    /// Ignored beyond the limit of such nodes. To be repeated for as long as it holds after each
    /// failure.
    Want(NodeAddress),
    /// A dial ended in a connection.
    Connected {
        /// The address of the [`ConnectionsOutput::Dial`].
        dialled: NodeAddress,
        /// What the node calls itself in its handshake.
        canonical: NodeAddress,
    },
    /// A dial ended without one.
    Failed {
        /// The address of the [`ConnectionsOutput::Dial`].
        dialled: NodeAddress,
    },
    /// An established connection ended, other than by [`ConnectionsOutput::Close`] or [`ConnectionsOutput::Duplicate`].
    Lost {
        /// The node's canonical address.
        node: NodeAddress,
    },
    /// Nothing but time passed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionsOutput {
    /// Connect to this address, and answer with [`ConnectionsInput::Connected`] or [`ConnectionsInput::Failed`], in
    /// bounded time. A host name is to be resolved anew.
    Dial(NodeAddress),
    /// End the connection to this node (canonical).
    Close(NodeAddress),
    /// End the connection that dialling this address has just made: its node is connected already,
    /// and that older connection is the one in use.
    Duplicate(NodeAddress),
    /// The node is up by the view, or something is to be sent to it, but it could not be
    /// connected: whatever is for it needs another way. Of one that is up it is told once, until it
    /// is connected, or no longer up.
    Suspect(NodeAddress),
    /// Nothing more to do until then, or until something happens.
    Wait(Option<Instant>),
}

/// The dialling engine. One connection to each node that should have one, whatever names lead
/// there.
///
/// Memory: an entry for each contact, for each member and guest up to the limits, for as many
/// again that lately were, and for each connection.
///
/// ```
/// # use std::time::{Duration, Instant};
/// use casty_routing::{ConnectionsConfig, ConnectionsInput, Connections, ConnectionsOutput};
///
/// let (now, first, second) = (Instant::now(), "a:1".parse()?, "b:1".parse()?);
/// let mut links = Connections::new(ConnectionsConfig::default(), vec![first, second], 7);
/// links.handle(now, ConnectionsInput::Tick);
/// assert_eq!(links.poll(), ConnectionsOutput::Dial("a:1".parse()?));
/// // The second contact has its turn when the first has had a head start.
/// assert_eq!(links.poll(), ConnectionsOutput::Wait(Some(now + Duration::from_millis(100))));
/// links.handle(now, ConnectionsInput::Failed { dialled: "a:1".parse()? });
/// assert_eq!(links.poll(), ConnectionsOutput::Dial("b:1".parse()?));
/// # Ok::<(), casty_proto::AddressError>(())
/// ```
#[derive(Debug)]
pub struct Connections {
    config: ConnectionsConfig,
    dice: Dice,
    /// Every address that may be dialled: contacts and live members.
    targets: BTreeMap<NodeAddress, Target>,
    open: BTreeMap<NodeAddress, Link>,
    dialling: BTreeSet<NodeAddress>,
    live: BTreeSet<NodeAddress>,
    /// Others that something is to be sent to.
    wanted: BTreeSet<NodeAddress>,
    suspects: BTreeSet<NodeAddress>,
    source: Option<NodeAddress>,
    /// Since when all that were connected are silent.
    unfed: Option<Instant>,
    /// Whether a view was ever seen.
    informed: bool,
    /// The next contact is not dialled before.
    next_contact: Option<Instant>,
    outputs: VecDeque<ConnectionsOutput>,
}

/// An address that may be dialled.
#[derive(Debug)]
struct Target {
    /// Its place among the contacts, if it is one.
    contact: Option<usize>,
    /// The node it led to when last connected, if that calls itself otherwise.
    leads_to: Option<NodeAddress>,
    /// Not dialled before; `None` for at once.
    due: Option<Instant>,
    last: Option<Instant>,
    backoff: Backoff,
}

/// An established connection.
#[derive(Debug)]
struct Link {
    since: Instant,
    /// Whether it was made because something was to be sent.
    guest: bool,
    /// When it is to end, its node being no longer live.
    ends: Option<Instant>,
}

impl Connections {
    /// An engine that will dial `contacts`, in that order, from the first input on.
    pub fn new(config: ConnectionsConfig, contacts: Vec<NodeAddress>, seed: u64) -> Self {
        let mut links = Self {
            config,
            dice: Dice::new(seed),
            targets: BTreeMap::new(),
            open: BTreeMap::new(),
            dialling: BTreeSet::new(),
            live: BTreeSet::new(),
            wanted: BTreeSet::new(),
            suspects: BTreeSet::new(),
            source: None,
            unfed: None,
            informed: false,
            next_contact: None,
            outputs: VecDeque::new(),
        };
        for (place, contact) in contacts.into_iter().enumerate() {
            links.target(contact).contact.get_or_insert(place);
        }
        links
    }

    /// Takes in what happened; [`poll`](Self::poll) then tells what to do.
    pub fn handle(&mut self, now: Instant, input: ConnectionsInput) {
        match input {
            ConnectionsInput::View { live, gone } => self.view(now, live, gone),
            ConnectionsInput::Source(source) => self.source = source,
            ConnectionsInput::Stale(unfed) => self.unfed = unfed.then(|| self.unfed.unwrap_or(now)),
            ConnectionsInput::Want(node) => self.want(now, node),
            ConnectionsInput::Connected { dialled, canonical } => {
                self.connected(now, &dialled, canonical)
            }
            ConnectionsInput::Failed { dialled } => self.failed(now, &dialled),
            ConnectionsInput::Lost { node } => self.lost(now, &node),
            ConnectionsInput::Tick => {}
        }
        self.prune(now);
        self.dial(now);
    }

    /// The next thing to do. To be called until it says [`ConnectionsOutput::Wait`].
    pub fn poll(&mut self) -> ConnectionsOutput {
        match self.outputs.pop_front() {
            Some(output) => output,
            None => ConnectionsOutput::Wait(self.deadline()),
        }
    }

    /// The nodes that are connected, by canonical address.
    pub fn connected_nodes(&self) -> impl Iterator<Item = &NodeAddress> {
        self.open.keys()
    }

    /// Whether the node with this canonical address is connected.
    pub fn is_connected(&self, node: &NodeAddress) -> bool {
        self.open.contains_key(node)
    }

    /// The node that an address led to when last connected, if that calls itself otherwise.
    pub fn leads_to(&self, address: &NodeAddress) -> Option<&NodeAddress> {
        self.targets.get(address)?.leads_to.as_ref()
    }

    /// The live members that could not be connected when last dialled.
    pub fn suspects(&self) -> impl Iterator<Item = &NodeAddress> {
        self.suspects.iter()
    }

    /// How many dials are under way.
    pub fn dials_in_flight(&self) -> usize {
        self.dialling.len()
    }

    fn target(&mut self, address: NodeAddress) -> &mut Target {
        self.targets.entry(address).or_insert_with(|| Target {
            contact: None,
            leads_to: None,
            due: None,
            last: None,
            backoff: Backoff::new(self.config.backoff, self.dice.roll()),
        })
    }

    fn view(&mut self, now: Instant, live: Vec<NodeAddress>, gone: Vec<NodeAddress>) {
        let gone: BTreeSet<_> = gone.into_iter().collect();
        let mut live: BTreeSet<_> = live.into_iter().collect();
        if let Some(beyond) = live.iter().nth(self.config.members).cloned() {
            live.split_off(&beyond);
        }
        for node in live.difference(&self.live).cloned().collect::<Vec<_>>() {
            self.hasten(now, node);
        }
        let farewell = now + self.config.down_grace;
        let linger = now + self.config.removal_grace;
        let unfed = self.unfed;
        for (node, link) in &mut self.open {
            let silent = unfed.is_some_and(|unfed| link.since < unfed);
            link.ends = match link.ends {
                _ if live.contains(node) => None,
                ends if gone.contains(node) => Some(ends.map_or(farewell, |at| at.min(farewell))),
                None if silent => Some(now),
                None if self.live.contains(node) => Some(linger),
                ends => ends,
            };
        }
        self.suspects.retain(|node| live.contains(node));
        self.live = live;
        self.informed = true;
    }

    fn want(&mut self, now: Instant, node: NodeAddress) {
        if self.open.contains_key(&node) {
            return;
        }
        if !self.live.contains(&node) {
            let guests = self.open.values().filter(|link| link.guest).count();
            if guests + self.wanted.len() >= self.config.non_members {
                return;
            }
            self.wanted.insert(node.clone());
        }
        self.hasten(now, node);
    }

    /// Brings the next attempt forward, but not beyond one in the time in which a connection
    /// settles, however often views flap or messages come.
    fn hasten(&mut self, now: Instant, node: NodeAddress) {
        let settled = self.config.stable_after;
        let target = self.target(node);
        let soonest = target.last.map_or(now, |last| last + settled);
        target.due = target.due.map(|due| due.min(soonest));
    }

    fn connected(&mut self, now: Instant, dialled: &NodeAddress, canonical: NodeAddress) {
        self.dialling.remove(dialled);
        let guest = self.wanted.remove(dialled) | self.wanted.remove(&canonical);
        let alias = *dialled != canonical;
        if let Some(target) = self.targets.get_mut(dialled) {
            target.leads_to = alias.then(|| canonical.clone());
        }
        if alias && self.live.contains(dialled) {
            // Another node has taken the member's address.
            self.failed(now, dialled);
        }
        if self.open.contains_key(&canonical) {
            if let Some(target) = self.targets.get_mut(dialled) {
                target.due = Some(now + target.backoff.failed());
            }
            self.outputs
                .push_back(ConnectionsOutput::Duplicate(dialled.clone()));
            return;
        }
        self.suspects.remove(&canonical);
        let link = Link {
            since: now,
            guest,
            ends: None,
        };
        self.open.insert(canonical, link);
    }

    fn failed(&mut self, now: Instant, dialled: &NodeAddress) {
        self.dialling.remove(dialled);
        let wanted = self.wanted.remove(dialled);
        let Some(target) = self.targets.get_mut(dialled) else {
            return;
        };
        target.due = Some(now + target.backoff.failed());
        if target.contact.is_some() {
            self.next_contact = None;
        }
        if self.open.contains_key(dialled) {
            return;
        }
        let live = self.live.contains(dialled);
        if (live && self.suspects.insert(dialled.clone())) || (wanted && !live) {
            self.outputs
                .push_back(ConnectionsOutput::Suspect(dialled.clone()));
        }
    }

    fn lost(&mut self, now: Instant, node: &NodeAddress) {
        let Some(link) = self.open.remove(node) else {
            return;
        };
        self.source.take_if(|source| source == node);
        let settled = now >= link.since + self.config.stable_after;
        let Self { targets, dice, .. } = self;
        for (address, target) in targets {
            if address != node && target.leads_to.as_ref() != Some(node) {
                continue;
            }
            let delay = if settled {
                target.backoff.succeeded();
                dice.up_to(self.config.redial_jitter)
            } else {
                target.backoff.failed()
            };
            target.due = Some(now + delay);
        }
    }

    /// Whether the address is needed for itself, not as a way into the cluster.
    fn is_needed(&self, address: &NodeAddress) -> bool {
        self.live.contains(address) || self.wanted.contains(address)
    }

    /// Whether the contacts are needed: no member is said to be up, or none of those that are can
    /// be connected, or those that are connected say nothing.
    fn lost_in_the_dark(&self) -> bool {
        let away = |node| self.suspects.contains(node) && !self.open.contains_key(node);
        self.unfed.is_some() || self.live.iter().all(away)
    }

    /// Ends connections that nothing needs, and forgets addresses that will not be dialled.
    fn prune(&mut self, now: Instant) {
        if !self.informed {
            return;
        }
        let Self {
            source,
            unfed,
            live,
            wanted,
            dialling,
            outputs,
            ..
        } = self;
        self.open.retain(|node, link| {
            let ends = match link.ends {
                _ if live.contains(node) || source.as_ref() == Some(node) => false,
                Some(ends) => ends <= now,
                // A contact that is no member serves until another node feeds the view.
                None => source.is_some() && unfed.is_none() && !link.guest,
            };
            if ends {
                outputs.push_back(ConnectionsOutput::Close(node.clone()));
            }
            !ends
        });
        let crowded = self.targets.len() > self.config.members.saturating_mul(2);
        self.targets.retain(|address, target| {
            let attempted = target.last.map(|last| last + self.config.stable_after);
            let cooling = target.due.max(attempted).is_some_and(|until| until > now);
            let in_use = target.contact.is_some()
                || [&*live, &*wanted, &*dialling]
                    .iter()
                    .any(|used| used.contains(address));
            in_use || (cooling && !crowded)
        });
    }

    /// Starts what is due, as far as the limits allow.
    fn dial(&mut self, now: Instant) {
        let dark = self.lost_in_the_dark();
        while let Some(address) = self.next_dial(now, dark) {
            if let Some(target) = self.targets.get_mut(&address) {
                target.last = Some(now);
            }
            if !self.is_needed(&address) {
                self.next_contact = Some(now + self.config.stagger);
            }
            self.dialling.insert(address.clone());
            self.outputs.push_back(ConnectionsOutput::Dial(address));
        }
    }

    /// Members come before contacts, those that failed least first.
    fn next_dial(&self, now: Instant, dark: bool) -> Option<NodeAddress> {
        let (members, contacts) = self.slots();
        let contacts = contacts && self.next_contact.is_none_or(|next| next <= now);
        let due: Vec<_> = self
            .idle_targets(dark)
            .filter(|(_, _, due)| due.is_none_or(|due| due <= now))
            .collect();
        let member = due
            .iter()
            .filter(|(address, ..)| members && self.is_needed(address))
            .min_by_key(|(_, target, due)| (target.backoff.failures(), *due));
        let contact = due
            .iter()
            .filter(|(address, ..)| contacts && !self.is_needed(address))
            .min_by_key(|(_, target, due)| (*due, target.contact));
        member.or(contact).map(|(address, ..)| (*address).clone())
    }

    /// Whether another member, and whether another contact, may be dialled beside those that are.
    fn slots(&self) -> (bool, bool) {
        let ConnectionsConfig {
            contact_dials,
            member_dials,
            ..
        } = self.config;
        let needed = |address: &&NodeAddress| self.is_needed(address);
        let members = self.dialling.iter().filter(needed).count();
        let contacts = self.dialling.len() - members;
        let full = self.dialling.len() >= contact_dials.saturating_add(member_dials);
        (
            !full && members < member_dials,
            !full && contacts < contact_dials,
        )
    }

    /// The addresses that should lead to a connection, do not, and are not being dialled, with
    /// the time at which to dial them.
    fn idle_targets(
        &self,
        dark: bool,
    ) -> impl Iterator<Item = (&NodeAddress, &Target, Option<Instant>)> {
        let busy = |address: &NodeAddress| {
            self.open.contains_key(address) || self.dialling.contains(address)
        };
        let left_alone = move |target: &Target| {
            let node = target.leads_to.as_ref().filter(|node| busy(node))?;
            match self.unfed.zip(self.open.get(node)) {
                // It is silent, as are all that were connected then.
                Some((unfed, link)) if link.since < unfed => None,
                Some((_, link)) => Some(link.since + self.config.silence_timeout),
                None => target.last.map(|last| last + self.config.alias_pause),
            }
        };
        self.targets.iter().filter_map(move |(address, target)| {
            let wanted = self.is_needed(address) || (dark && target.contact.is_some());
            let due = target.due.max(left_alone(target));
            (wanted && !busy(address)).then_some((address, target, due))
        })
    }

    fn deadline(&self) -> Option<Instant> {
        let (members, contacts) = self.slots();
        let dials = self
            .idle_targets(self.lost_in_the_dark())
            .filter_map(|(address, _, due)| {
                if self.is_needed(address) {
                    due.filter(|_| members)
                } else {
                    due.max(self.next_contact).filter(|_| contacts)
                }
            });
        let ends = self
            .open
            .iter()
            .filter(|(node, _)| self.source.as_ref() != Some(*node))
            .filter_map(|(_, link)| link.ends);
        dials.chain(ends).min()
    }
}

#[cfg(test)]
mod tests;
