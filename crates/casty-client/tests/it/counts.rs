//! Shard counts: those that the program gives, those of a configuration, and what the cluster says
//! against them.

use std::time::Duration;

use casty_client::{
    ActorRef, AskError, ClientBuilder, ClusterClient, NotSent, RegionError, ShardCounts,
    ShardEnvelope,
};
use casty_proto::message::{SubscribeTopology, TopologySnapshot};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};

use crate::logs::keep_warnings;
use crate::node::{Link, Node, builder, view};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "bank.GetBalance")]
struct GetBalance {
    reply_to: ActorRef<i64>,
}

/// A client and the only node of its cluster, which owns every shard that is allocated.
struct Pair {
    client: ClusterClient,
    node: Node,
    link: Link,
    views: ActorRef<TopologySnapshot>,
    epoch: u64,
}

impl Pair {
    /// Connects a client that was configured further, and sends it a view in which these shards of
    /// region `r` are allocated.
    async fn connected(
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
        shards: impl IntoIterator<Item = u32>,
    ) -> Self {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = configure(builder(&network, "n:1")).connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        let mut pair = Self {
            client,
            node,
            link,
            views: subscribe.reply_to,
            epoch: 0,
        };
        pair.allocate(shards).await;
        pair
    }

    /// Sends a newer view, in which these shards are allocated, and waits until the client has it.
    async fn allocate(&mut self, shards: impl IntoIterator<Item = u32>) {
        self.epoch += 1;
        let mut next = view(&[&self.node.address], Some(&self.node.address));
        next.allocation_epoch = self.epoch;
        let allocated = next.shard_allocations.values_mut().next().unwrap();
        let allocation = allocated.remove(&0).unwrap();
        allocated.extend(shards.into_iter().map(|shard| (shard, allocation.clone())));
        self.link.send(&self.views, &next).await;
        let epoch = self.epoch;
        let mut views = self.client.topology();
        let seen = views.wait_for(|view| view.version().epoch == epoch);
        seen.await.unwrap();
    }

    /// Asks an entity of region `r`, and answers on behalf of the node.
    async fn ask(&mut self, id: &str, shards: u32) -> Result<i64, AskError> {
        let entity = self.client.region("r", shards).unwrap().entity(id);
        let asked = async {
            let ask = entity.ask(|reply_to| GetBalance { reply_to });
            ask.within(SECOND).await
        };
        let answered = async {
            if let Some(received) = self.link.next_to("/_region-r").await {
                let envelope: ShardEnvelope<GetBalance> = received.decode();
                self.link.send(&envelope.message.reply_to, &7).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = asked => outcome,
            () = answered => unreachable!("it never ends"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_that_other_programs_contradict_stays_in_use_and_is_seen_everywhere() {
    let (warnings, _guard) = keep_warnings();
    let mut pair = Pair::connected(|it| it, 0..24).await;
    let region = pair.client.region("r", 24).unwrap();
    assert_eq!(
        (region.contradiction(), pair.client.contradictions()),
        (None, vec![])
    );
    assert_eq!(pair.ask("alice", 24).await.unwrap(), 7);
    pair.allocate((0..24).chain([40, 90])).await;
    for id in ["alice", "bob", "carol"] {
        assert_eq!(pair.ask(id, 24).await.unwrap(), 7, "{id}");
    }
    let found = region.contradiction().expect("it is contradicted");
    let told = warnings.with(&format!("another shard count for the region: {found}"));
    assert_eq!(told, 1, "{}", warnings.all());
    assert_eq!(
        found.to_string(),
        "the cluster allocates shards 40, 90, which a region of 24 shards does not have"
    );
    let stats = pair.client.region_stats().swap_remove(0);
    assert_eq!(
        (stats.shards, stats.contradiction.as_ref()),
        (Some(24), Some(&found))
    );
    assert_eq!(pair.client.stats().contradicted_regions, 1);
    let [(name, told)] = &*pair.client.contradictions() else {
        panic!("one region is contradicted");
    };
    assert_eq!((&**name, told), ("r", &found));
    // A client that comes later is served as well.
    assert_eq!(pair.client.region("r", 24).unwrap(), region);
    let own = pair.client.region("r", 91).unwrap_err();
    assert!(matches!(own, RegionError::Shards { .. }), "{own:?}");
    pair.allocate(0..24).await;
    assert_eq!(region.contradiction(), None);
    assert_eq!(pair.client.stats().contradicted_regions, 0);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_looks_whole_at_a_smaller_count_is_seen_before_anything_is_sent() {
    let pair = Pair::connected(|it| it, 0..24).await;
    let region = pair.client.region("r", 100).unwrap();
    let found = region.contradiction().expect("it looks whole");
    assert_eq!(found.resembles, Some(24.try_into().unwrap()));
    assert_eq!((found.count.get(), found.total), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_strict_client_refuses_a_contradicted_count_with_the_numbers() {
    let strict = |it: ClientBuilder| it.shard_counts(ShardCounts::Strict);
    let mut pair = Pair::connected(strict, 0..24).await;
    assert_eq!(pair.ask("alice", 24).await.unwrap(), 7);
    let alice = pair.client.region("r", 24).unwrap().entity("alice");
    pair.allocate((0..24).chain([90])).await;
    let ask = alice.ask::<_, i64>(|reply_to| GetBalance { reply_to });
    let refused = ask.await.unwrap_err();
    let AskError::NotSent(reason @ NotSent::OtherShardCount { .. }) = &refused else {
        panic!("{refused:?}");
    };
    let text = "the cluster allocates shard 90, which a region of 24 shards does not have";
    assert_eq!(reason.to_string(), text);
    let refused = pair.client.region("r", 24).unwrap_err();
    let RegionError::Shards { source, .. } = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(source.to_string(), text);
    pair.allocate(0..24).await;
    assert_eq!(pair.ask("alice", 24).await.unwrap(), 7);
}

#[cfg(feature = "config")]
#[tokio::test]
async fn a_region_of_the_configuration_needs_no_number_and_takes_no_other() {
    use casty_client::{ClientConfig, ConfigError};

    let network = MemoryNetwork::new();
    let file = "system_name = 's'\ncontact_points = ['n:1']\n[regions]\naccount = 24\ncart = 7\n";
    let variables = [("CASTY_REGIONS", "account=32")];
    let layers = ClientConfig::layers().toml(file, "casty.toml").unwrap();
    let of_file = layers.clone().load().unwrap();
    assert_eq!(of_file.regions()["account"], 24);
    let config = layers.variables(variables).unwrap().load().unwrap();
    assert_eq!(config.regions().len(), 1, "a variable replaces the table");
    let transport = casty_client::TransportConfig::memory(network);
    let builder = config.builder().transport(transport);
    let client = builder
        .clone()
        .region_shards("cart", 8)
        .connect()
        .await
        .unwrap();
    let account = client.configured_region("account").unwrap();
    assert_eq!(account.shards(), 32);
    assert_eq!(client.region("account", 32).unwrap(), account);
    assert_eq!(client.configured_region("cart").unwrap().shards(), 8);
    let other = client.region("account", 24).unwrap_err();
    assert_eq!(
        other.to_string(),
        "region \"account\" is configured with 32 shards, not 24"
    );
    let missing = client.configured_region("counter").unwrap_err();
    assert!(
        missing.to_string().contains("CASTY_REGIONS=counter=N"),
        "{missing}"
    );
    assert!(
        client.region("counter", 24).is_ok(),
        "a number that is given needs no setting"
    );
    for (name, shards) in [("", 1), ("a\nb", 1), ("a", 0), ("a", 65_537)] {
        let refused = builder.clone().region_shards(name, shards).connect().await;
        let refused = refused.unwrap_err();
        assert!(
            matches!(
                refused,
                ConfigError::Range {
                    name: "regions",
                    ..
                }
            ),
            "{refused:?}"
        );
    }
}
