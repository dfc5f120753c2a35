//! A node that hosts a distributed structure, played by hand.

use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, Distributed, ShardEnvelope};
use casty_proto::message::structures::lock::{LockRelease, LockReleased};
use casty_proto::message::{SubscribeTopology, TopologySnapshot};
use casty_transport::MemoryNetwork;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::node::{Link, Node, Received, assert_conserved, builder, view};

const SECOND: Duration = Duration::from_secs(1);

/// The only node of a cluster, which owns the only shard of a structure's region, and its client.
pub(crate) struct Host {
    pub(crate) client: ClusterClient,
    node: Node,
    /// `None` while there is no connection.
    link: Option<Link>,
    views: ActorRef<TopologySnapshot>,
    view: TopologySnapshot,
    path: String,
}

impl Host {
    /// Plays a node that hosts a region, to a client that has its view.
    pub(crate) async fn of(region: &str) -> Self {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let mut view = view(&[&node.address], Some(&node.address));
        let shards = view.shard_allocations.remove("r").unwrap();
        view.shard_allocations.insert(region.into(), shards);
        let mut host = Self {
            client,
            node,
            link: Some(link),
            views: subscribe.reply_to,
            view,
            path: format!("/_region-{region}"),
        };
        host.show().await;
        host.client.ready(SECOND).await.unwrap();
        host
    }

    /// Returns the structures, as the node has them.
    pub(crate) fn structures(&self) -> Distributed {
        self.client.distributed().shards(1)
    }

    fn link(&mut self) -> &mut Link {
        self.link.as_mut().expect("it is connected")
    }

    async fn show(&mut self) {
        let link = self.link.as_mut().expect("it is connected");
        link.send(&self.views, &self.view).await;
    }

    /// Has the node own one more shard of each region, and waits until the client knows.
    pub(crate) async fn allocate(&mut self, shard: u32) {
        self.view.allocation_epoch += 1;
        for shards in self.view.shard_allocations.values_mut() {
            let owner = shards[&0].clone();
            shards.insert(shard, owner);
        }
        self.show().await;
        let epoch = self.view.allocation_epoch;
        let mut views = self.client.topology();
        let seen = views.wait_for(|view| view.version().epoch == epoch);
        seen.await.unwrap();
    }

    /// Reads the next message for the structure, and pushes views meanwhile, as nodes do.
    pub(crate) async fn next(&mut self) -> Received {
        loop {
            let received = timeout(SECOND, self.link().next()).await;
            let Ok(received) = received else {
                self.show().await;
                continue;
            };
            let received = received.expect("the client keeps the connection");
            if received.path == self.path {
                return received;
            }
            if let Ok(SubscribeTopology { reply_to }) = received.try_decode() {
                self.views = reply_to;
                self.show().await;
            }
        }
    }

    /// Reads the next message for the structure.
    pub(crate) async fn asked<M: DeserializeOwned>(&mut self) -> M {
        let envelope: ShardEnvelope<M> = self.next().await.decode();
        envelope.message
    }

    /// Reads the next message for the structure, and loses the connection in place of a reply.
    pub(crate) async fn asked_in_vain<M: DeserializeOwned>(&mut self) -> M {
        let message = self.asked().await;
        self.reconnected().await;
        message
    }

    /// Replies with anything.
    pub(crate) async fn reply<R, A: Serialize>(&mut self, to: &ActorRef<R>, answer: &A) {
        let to = to.clone().cast::<A>();
        self.link().send(&to, answer).await;
    }

    /// Reads the release of what an owner of a lock holds, and answers whether it held anything.
    pub(crate) async fn releases(&mut self, owner: &str, released: bool) {
        let asked: LockRelease = self.asked().await;
        assert_eq!(asked.owner, owner);
        self.reply(&asked.reply_to, &LockReleased { released })
            .await;
    }

    /// Loses the connection, and takes the next one. Once only: nobody takes the secondary one that the
    /// client makes then.
    pub(crate) async fn reconnected(&mut self) {
        self.link = None;
        self.link = Some(self.node.accept().await);
    }

    /// Asserts that nothing comes for the structure in that time.
    pub(crate) async fn is_left_alone(&mut self, time: Duration) {
        if let Ok(more) = timeout(time, self.next()).await {
            panic!("{} came", more.class());
        }
    }

    /// Closes the client, which has left nothing behind.
    pub(crate) async fn close(self) {
        drop((self.link, self.node));
        let report = self.client.close(SECOND).await;
        assert_conserved(&report);
        assert_eq!(report.unreleased, 0);
    }
}
