//! The cluster as tests use it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::ClusterState;
use casty_proto::{Codec, NodeAddress};
use casty_routing::ShardId;
use casty_routing::membership::MembershipInput;
use casty_transport::Listener;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::error::StartError;
use crate::gossip::Gossip;
use crate::node::Node;
use crate::node::serve::serve;
use crate::settings::{NODES, Settings};
use crate::status::Status;

mod services;

/// A cluster of fake nodes in this process.
///
/// Nodes are numbered from 0; a number that no node has, or one that was [replaced](Self::replace),
/// is ignored. All methods take `&self`: a cluster may be shared between tasks. Dropping it ends
/// all nodes.
pub struct Cluster {
    gossip: Arc<Gossip>,
    /// The addresses that the cluster was started with.
    addresses: Vec<NodeAddress>,
    /// The tasks of nodes; never locked across an await.
    running: Mutex<BTreeMap<usize, Running>>,
    /// Tasks that have nodes notice something later.
    later: Mutex<JoinSet<()>>,
}

/// The task of a node.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Cluster {
    pub(crate) async fn launch(
        settings: Settings,
        wanted: Vec<NodeAddress>,
    ) -> Result<Self, StartError> {
        let mut listeners = Vec::with_capacity(wanted.len());
        for (node, at) in wanted.into_iter().enumerate() {
            let listener = settings.transport.listen(&at).await;
            listeners.push(listener.map_err(|source| StartError::Listen { node, at, source })?);
        }
        let addresses: Vec<_> = listeners
            .iter()
            .map(|listener| listener.address())
            .collect();
        let cluster = Self {
            running: Mutex::default(),
            gossip: Arc::new(Gossip::new(settings, addresses.clone())),
            addresses,
            later: Mutex::default(),
        };
        for (node, listener) in listeners.into_iter().enumerate() {
            cluster.run(node, listener);
        }
        // At once, unless they have to find each other by gossip.
        cluster.wait_for_agreement().await;
        Ok(cluster)
    }

    /// Lets a node join that listens already.
    fn run(&self, node: usize, listener: Box<dyn Listener>) {
        let Some(joined) = self.gossip.join(node) else {
            return;
        };
        let mail = self.gossip.mailboxes().open(node);
        let (stop, stopped) = oneshot::channel();
        let gossip = Arc::clone(&self.gossip);
        let task = tokio::spawn(serve(gossip, joined, listener, mail, stopped));
        self.running.lock().insert(node, Running { stop, task });
    }

    /// Returns the addresses of all nodes but those that were replaced, for clients to begin with.
    #[must_use]
    pub fn contact_points(&self) -> Vec<String> {
        let addresses = self.gossip.mailboxes().addresses();
        let all = addresses.iter().enumerate();
        let present = all.filter(|(node, _)| self.gossip.is_present(*node));
        present.map(|(_, address)| address.to_string()).collect()
    }

    /// Returns the addresses of the nodes that the cluster was started with, by number.
    ///
    /// They stay the same over restarts. [`address`](Self::address) knows those of nodes that
    /// joined later, too.
    #[must_use]
    pub fn addresses(&self) -> &[NodeAddress] {
        &self.addresses
    }

    /// Returns the address of a node, which it keeps for as long as there is a cluster; `None` if
    /// there never was a node of that number.
    #[must_use]
    pub fn address(&self, node: usize) -> Option<NodeAddress> {
        self.gossip.mailboxes().addresses().get(node).cloned()
    }

    /// Returns the serializer of the nodes.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.gossip.settings().codec
    }

    /// Returns the name of the actor system.
    #[must_use]
    pub fn system(&self) -> &str {
        &self.gossip.settings().system
    }

    /// Returns the node that owns the shard of an entity, as the leader sees it; `None` while the
    /// shard is not allocated, which it is when a client first asks for it.
    #[must_use]
    pub fn owner(&self, region: &str, entity_id: &str) -> Option<usize> {
        self.gossip.owner(region, entity_id)
    }

    /// Returns the state of the cluster as a node has it; `None` if that does not run.
    ///
    /// Where nodes [gossip](crate::ClusterBuilder::membership) it is shared with the node; else it is made.
    #[must_use]
    pub fn state(&self, node: usize) -> Option<Arc<ClusterState>> {
        self.gossip.state(node)
    }

    /// Returns the state and the counters of all nodes.
    ///
    /// Each figure is right by itself; they belong to one moment only while nothing moves.
    #[must_use]
    pub fn status(&self) -> Status {
        self.gossip.status()
    }

    /// Returns the number of messages that entities and actors of a node have handled.
    #[must_use]
    pub fn received(&self, node: usize) -> u64 {
        let status = self.status();
        status.nodes.get(node).map_or(0, |node| node.messages)
    }

    /// Waits until the cluster's status is as wanted, and returns it.
    ///
    /// It is looked at after every change, so a status that lasts for a moment only may be missed.
    /// There is no timeout: `tokio::time::timeout` around it adds one.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn wait_until(&self, mut wanted: impl FnMut(&Status) -> bool) -> Status {
        let mut changes = self.gossip.changes();
        loop {
            // Before the look, so that a change after it wakes this again.
            changes.borrow_and_update();
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            if changes.changed().await.is_err() {
                return status;
            }
        }
    }

    /// Waits until all nodes that run take all of them for `up`.
    ///
    /// At once where they share a table; where they [gossip](crate::ClusterBuilder::membership) it takes a
    /// second or two, or for ever while a link between two is cut.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn wait_for_agreement(&self) {
        let mut changes = self.gossip.changes();
        while !self.gossip.is_agreed() && changes.changed().await.is_ok() {}
    }

    /// Returns whether nodes agree by gossip on who is a member.
    #[cfg(feature = "sim")]
    pub(crate) fn gossips(&self) -> bool {
        self.gossip.settings().membership.is_some()
    }

    /// Returns in what nodes that gossip do not agree; `None` if all that run are up to all of them, the dead
    /// are not, and each shard has one owner, which runs.
    #[cfg(feature = "sim")]
    pub(crate) fn disagreement(&self) -> Option<String> {
        self.gossip.disagreement()
    }

    /// Returns the name and the number of shards of one of the regions, by any number.
    #[cfg(feature = "sim")]
    pub(crate) fn region(&self, number: usize) -> Option<(Arc<str>, u32)> {
        let regions = &self.gossip.settings().regions;
        let plan = regions.get(number % regions.len().max(1))?;
        Some((Arc::clone(&plan.name), plan.shards.get()))
    }

    /// Stops all nodes and waits for their end: every connection is closed then and every address
    /// free.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the nodes that are left.
    pub async fn stop(self) {
        self.end_all().await;
    }

    /// Ends all nodes, one after the other.
    pub(crate) async fn end_all(&self) {
        for node in 0..self.gossip.count() {
            self.end(node).await;
        }
    }

    /// Ends a node and waits until its address is free.
    async fn end(&self, node: usize) {
        let running = self.running.lock().remove(&node);
        self.gossip.kill(node);
        if let Some(Running { stop, task }) = running {
            drop(stop);
            if let Err(error) = task.await {
                tracing::error!(node, %error, "bug: the task of a node panicked");
            }
        }
    }
}

/// Faults.
impl Cluster {
    /// Ends a node as `kill -9` does.
    ///
    /// Its connections are reset, its entities, subscriptions and allocations forgotten, its
    /// address free when this returns. The other nodes notice after the
    /// [detection](crate::ClusterBuilder::detection) time.
    ///
    /// Clients notice a moment later: messages that they send to the node until then may be lost,
    /// and end as unknown. An ask that must be answered all the same is marked idempotent.
    pub async fn kill(&self, node: usize) {
        self.end(node).await;
        self.notice();
    }

    /// Starts a node again at its address, without any state, after killing it if it runs.
    ///
    /// It joins the nodes that it can reach and learns the allocations from them at once.
    ///
    /// # Errors
    /// Another process has taken the address. The node is dead then.
    pub async fn restart(&self, node: usize) -> Result<(), StartError> {
        let present = self.gossip.is_present(node);
        let Some(at) = self.address(node).filter(|_| present) else {
            return Ok(());
        };
        self.end(node).await;
        let listener = self.listen(node, at).await?;
        self.run(node, listener);
        Ok(())
    }

    async fn listen(&self, node: usize, at: NodeAddress) -> Result<Box<dyn Listener>, StartError> {
        let listener = self.gossip.settings().transport.listen(&at).await;
        listener.map_err(|source| StartError::Listen { node, at, source })
    }

    /// Starts one more node, at an address that no node has had, and returns its number: one more
    /// than the greatest so far.
    ///
    /// As with [`ClusterBuilder::addresses`](crate::ClusterBuilder::addresses), port 0 is a free
    /// one. When it returns the node listens, hosts every region, and is up in the views of all
    /// that it can reach. Shards that are allocated stay where they are, as on real nodes. It runs
    /// no service.
    ///
    /// # Errors
    /// The address is taken, a node had it before, or there have been 256 nodes.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the cluster as it was.
    pub async fn add(&self, at: NodeAddress) -> Result<usize, StartError> {
        let listener = self.listen_anew(at).await?;
        Ok(self.enrol(listener, None))
    }

    /// Ends a node for good, as [`kill`](Self::kill) does, and starts another in its place, at an
    /// address that no node has had, as when a pod is scheduled anew.
    ///
    /// Returns the number of the new one: one more than the greatest so far. It joins the nodes
    /// that it can reach, hosts every region, and runs the services of the node that it replaces.
    /// The old address stays dead.
    ///
    /// # Errors
    /// The errors of [`add`](Self::add); or no node has that number, or it was replaced before. The
    /// node goes on then.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the node dead; it can be restarted then.
    pub async fn replace(&self, node: usize, at: NodeAddress) -> Result<usize, StartError> {
        if !self.gossip.is_present(node) {
            let (what, range) = ("node", "one that was not replaced");
            return Err(StartError::Range { what, range });
        }
        let listener = self.listen_anew(at).await?;
        self.end(node).await;
        let number = self.enrol(listener, Some(node));
        self.notice();
        Ok(number)
    }

    /// Listens where no node has listened.
    async fn listen_anew(&self, at: NodeAddress) -> Result<Box<dyn Listener>, StartError> {
        let node = self.gossip.count();
        if node >= NODES {
            let (what, range) = ("nodes", "from 1 to 256");
            return Err(StartError::Range { what, range });
        }
        let was_used = |at: &NodeAddress| self.gossip.mailboxes().number(at).is_some();
        if was_used(&at) {
            let (what, range) = ("address", "one that no node has had");
            return Err(StartError::Range { what, range });
        }
        // A free port may be that of a node that is dead. Kept until there is another.
        let mut used = Vec::new();
        loop {
            let listener = self.listen(node, at.clone()).await?;
            if !was_used(&listener.address()) {
                return Ok(listener);
            }
            used.push(listener);
        }
    }

    /// Runs a node that was not there before.
    fn enrol(&self, listener: Box<dyn Listener>, in_place_of: Option<usize>) -> usize {
        let number = self.gossip.enrol(listener.address(), in_place_of);
        self.run(number, listener);
        number
    }

    /// Has all others take a node for alive, as gossip may bring a dead one back into views.
    ///
    /// They notice the truth when anything else changes.
    pub fn call_up(&self, node: usize) {
        self.gossip.call_up(node);
    }

    /// Gives a shard of a region to a node.
    ///
    /// Its entities are gone from all others, with their state. Real nodes do not move shards while
    /// their node lives, but views may change so when nodes disagree.
    pub fn move_shard(&self, region: &str, shard: u32, to: usize) {
        self.gossip.move_shard(region, ShardId::new(shard), to);
    }

    /// Keeps two nodes from reaching each other; clients reach both.
    ///
    /// They take each other for dead after the [detection](crate::ClusterBuilder::detection) time;
    /// other nodes see both.
    pub fn partition(&self, a: usize, b: usize) {
        self.gossip.separate(a, b, true);
        self.notice();
    }

    /// Lets two nodes reach each other again.
    ///
    /// They notice after the [detection](crate::ClusterBuilder::detection) time. Of their
    /// allocations, those of the higher epoch remain.
    pub fn heal(&self, a: usize, b: usize) {
        self.gossip.separate(a, b, false);
        self.notice();
    }

    /// Cuts the link from one node to another: what the first sends the other is lost, and not what comes
    /// back. For nodes that [gossip](crate::ClusterBuilder::membership).
    pub fn cut_link(&self, from: usize, to: usize) {
        self.gossip.set_link_cut(from, to, true);
    }

    /// Mends a link that was [cut](Self::cut_link), or by a [partition](Self::partition).
    pub fn mend_link(&self, from: usize, to: usize) {
        self.gossip.set_link_cut(from, to, false);
    }

    /// Has a node leave in order, and ends it: it says that it is dead, and waits until all members have
    /// seen that, for 2 s at most. Where nodes share a table this is [`kill`](Self::kill).
    ///
    /// # Cancel safety
    /// Dropping the future may leave the node running, but no member any more.
    pub async fn leave(&self, node: usize) {
        self.gossip.order(node, MembershipInput::Leave);
        let mut changes = self.gossip.changes();
        while !self.gossip.has_left(node) && changes.changed().await.is_ok() {}
        self.kill(node).await;
    }

    /// Has everything that clients send arrive at a node that much later.
    ///
    /// Zero ends the delay, also for messages under way.
    pub fn delay(&self, node: usize, by: Duration) {
        self.gossip
            .with_node(node, |node| node.change_faults(|faults| faults.delay = by));
    }

    /// Stops a node as SIGSTOP does.
    ///
    /// Its connections stay and new ones open, but it reads, answers and sends nothing. The other
    /// nodes go on taking it for alive.
    pub fn hang(&self, node: usize) {
        self.gossip
            .with_node(node, |node| node.change_faults(|faults| faults.hung = true));
    }

    /// Lets a node go on that [hangs](Self::hang): it handles the messages that have come
    /// meanwhile.
    pub fn resume(&self, node: usize) {
        self.gossip.with_node(node, |node| {
            node.change_faults(|faults| faults.hung = false);
        });
    }

    /// Resets all connections of clients to a node, which stays as it is otherwise.
    pub fn cut(&self, node: usize) {
        self.gossip.with_node(node, Node::cut);
    }

    /// Ends all connections of clients to a node within a frame: one byte before the end of what
    /// the node writes next to each.
    pub fn cut_mid_frame(&self, node: usize) {
        self.gossip.with_node(node, Node::cut_mid_frame);
    }

    /// Has the nodes notice changes, at once or after the detection time.
    fn notice(&self) {
        let after = self.gossip.settings().detection;
        if after.is_zero() {
            return self.gossip.notice();
        }
        let gossip = Arc::clone(&self.gossip);
        let mut later = self.later.lock();
        while later.try_join_next().is_some() {}
        later.spawn(async move {
            tokio::time::sleep(after).await;
            gossip.notice();
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (node, running) in std::mem::take(self.running.get_mut()) {
            self.gossip.kill(node);
            running.task.abort();
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("system", &self.system())
            .field("nodes", &self.gossip.mailboxes().addresses())
            .finish_non_exhaustive()
    }
}
