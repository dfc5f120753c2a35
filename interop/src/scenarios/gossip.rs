//! Views that nodes push as they gossip: the clock of scenarios that wait for nothing to happen.

use std::time::Duration;

use casty_client::{ActorRef, BoundRef, ClusterClient};
use casty_proto::message::{
    SubscribeTopology, TOPOLOGY_PATH, TopologySnapshot, UnsubscribeTopology,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cluster::{PythonCluster, SYSTEM};
use crate::error::Failure;

/// The longest time that a node which gossips each second may take to push a view.
const PATIENCE: Duration = Duration::from_secs(30);

/// Subscriptions of one client to every node, beside the client's own.
pub(super) struct GossipClock {
    client: ClusterClient,
    watchers: Vec<Watcher>,
}

struct Watcher {
    node: String,
    actor: BoundRef<TopologySnapshot>,
    views: mpsc::UnboundedReceiver<()>,
}

impl GossipClock {
    /// Subscribes, and waits until every node has pushed its first view.
    pub(super) async fn start(
        client: &ClusterClient,
        cluster: &PythonCluster,
    ) -> Result<Self, Failure> {
        let mut watchers = Vec::new();
        for (index, node) in cluster.addresses().iter().enumerate() {
            let (told, views) = mpsc::unbounded_channel();
            let actor: BoundRef<TopologySnapshot> = client.spawn(
                move |_, _| {
                    // Nobody listens once the scenario is over.
                    let _ = told.send(());
                    async {}
                },
                &format!("watcher-{index}"),
            )?;
            let node = format!("casty://{SYSTEM}@{node}{TOPOLOGY_PATH}");
            let reply_to = actor.actor_ref();
            client.tell(
                &ActorRef::new(node.as_str())?,
                SubscribeTopology { reply_to },
            )?;
            watchers.push(Watcher { node, actor, views });
        }
        let client = client.clone();
        let mut clock = Self { client, watchers };
        clock.rounds(1).await?;
        Ok(clock)
    }

    /// Waits until every node has pushed `count` more views. Each pushes to all its subscribers.
    pub(super) async fn rounds(&mut self, count: usize) -> Result<(), Failure> {
        for Watcher { node, views, .. } in &mut self.watchers {
            // What came before now is no news.
            while views.try_recv().is_ok() {}
            for _ in 0..count {
                let view = timeout(PATIENCE, views.recv()).await;
                view.map_err(|_| format!("{node} has stopped gossiping"))?;
            }
        }
        Ok(())
    }

    /// Ends the subscriptions: nodes would never do so themselves.
    pub(super) fn stop(self) -> Result<(), Failure> {
        for Watcher { node, actor, .. } in self.watchers {
            let subscriber = actor.actor_ref();
            let topology = ActorRef::new(node)?;
            self.client
                .tell(&topology, UnsubscribeTopology { subscriber })?;
        }
        Ok(())
    }
}
