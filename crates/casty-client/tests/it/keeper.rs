//! A node that a test plays by hand, and that keeps the lock `door`.

use std::sync::Arc;
use std::time::Duration;

use casty_client::{ActorRef, ClientBuilder, ClusterClient, Lock, NodeAddress, ShardEnvelope};
use casty_proto::message::structures::lock::{LockRelease, LockReleased};
use casty_proto::message::{SubscribeTopology, TopologySnapshot};
use casty_transport::MemoryNetwork;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::node::{Link, Node, builder, view};

/// More than anything here takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// Returns the view of a cluster of these nodes, of which the first leads. `owner` has the lock.
pub(crate) fn told(nodes: &[&str], owner: Option<&str>) -> TopologySnapshot {
    let address = |node: &&str| -> NodeAddress { node.parse().unwrap() };
    let nodes: Vec<_> = nodes.iter().map(address).collect();
    let owner = owner.as_ref().map(address);
    let mut view = view(&nodes.iter().collect::<Vec<_>>(), owner.as_ref());
    let shards = std::mem::take(&mut view.shard_allocations).into_values();
    view.shard_allocations = shards
        .map(|shards| (Arc::from("d-lock-door"), shards))
        .collect();
    view
}

/// Returns the lock, of one shard.
pub(crate) fn door(client: &ClusterClient) -> Lock {
    client.distributed().shards(1).lock("door").unwrap()
}

/// The node, and the connection over which it sends views.
pub(crate) struct Keeper {
    network: MemoryNetwork,
    node: Node,
    pub(crate) link: Link,
    views: ActorRef<TopologySnapshot>,
}

impl Keeper {
    /// Connects a client to a node, which sends it a view.
    pub(crate) async fn connected(
        network: &MemoryNetwork,
        (address, view): (&str, &TopologySnapshot),
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> (ClusterClient, Self) {
        let node = Node::listen(network, address).await;
        let client = configure(builder(network, address)).connect().await;
        let client = client.unwrap();
        let keeper = Self::accepting(network.clone(), node, view).await;
        client.ready(LONG).await.unwrap();
        (client, keeper)
    }

    /// Accepts the next connection, and sends a view over it.
    async fn accepting(network: MemoryNetwork, mut node: Node, view: &TopologySnapshot) -> Self {
        let mut link = node.accept().await;
        let views = loop {
            let received = link.next().await.unwrap();
            if let Ok(subscribe) = received.try_decode::<SubscribeTopology>() {
                break subscribe.reply_to;
            }
        };
        link.send(&views, view).await;
        Self {
            network,
            node,
            link,
            views,
        }
    }

    /// Ends the connection. Further ones wait to be accepted.
    pub(crate) fn cut_off(self) -> Node {
        self.node
    }

    /// Ends the connection, and goes on with the next one.
    pub(crate) async fn cut(self, view: &TopologySnapshot) -> Self {
        drop(self.link);
        let next = Self::accepting(self.network, self.node, view);
        timeout(LONG, next).await.unwrap()
    }

    /// Cannot be reached until `over`, and then goes on.
    pub(crate) async fn cut_until(
        self,
        over: impl Future<Output = ()>,
        view: &TopologySnapshot,
    ) -> Self {
        let address = self.node.address.to_string();
        drop((self.link, self.node));
        over.await;
        let node = Node::listen(&self.network, &address).await;
        let next = Self::accepting(self.network, node, view);
        timeout(LONG, next).await.unwrap()
    }

    /// Sends a view.
    pub(crate) async fn tell(&mut self, view: &TopologySnapshot) {
        self.link.send(&self.views, view).await;
    }

    /// Returns the next message to the lock.
    pub(crate) async fn asked<M: DeserializeOwned>(&mut self) -> M {
        let asked = timeout(LONG, self.link.next_to("/_region-d-lock-door")).await;
        let asked = asked.expect("it is not asked").unwrap();
        asked.decode::<ShardEnvelope<M>>().message
    }

    /// Answers the next message, a release, and returns the owner's name in it.
    pub(crate) async fn releases(&mut self, released: bool) -> String {
        let asked: LockRelease = self.asked().await;
        let answer = LockReleased { released };
        self.link.send(&asked.reply_to, &answer).await;
        asked.owner
    }
}
