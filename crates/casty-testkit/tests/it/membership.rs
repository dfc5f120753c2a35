//! Nodes of one process that agree by gossip on who is a member.

use std::collections::BTreeSet;
use std::time::Duration;

use casty_client::{ClusterClient, ServiceKey};
use casty_proto::message::membership::{GossipMessage, JoinRequest};
use casty_proto::message::{ClusterState, MemberStatus, TOPOLOGY_PATH};
use casty_proto::{FrozenSet, NodeAddress};
use casty_routing::membership::{Healing, MembershipEvent, MembershipRefusal};
use casty_testkit::{ClusterBuilder, MembershipOptions};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{Counter, LONG, Net, region};
use crate::failures::{up_in_view, whereabouts_in_the_end};
use crate::over_both;

/// The events of all nodes, by number.
pub(crate) struct Events(mpsc::UnboundedReceiver<(usize, MembershipEvent)>);

impl Events {
    /// Waits for an event, and returns what came before it.
    pub(crate) async fn before(
        &mut self,
        wanted: impl Fn(&MembershipEvent) -> bool,
    ) -> Vec<MembershipEvent> {
        let mut before = Vec::new();
        let waiting = async {
            while let Some((_, event)) = self.0.recv().await {
                if wanted(&event) {
                    return;
                }
                before.push(event);
            }
        };
        timeout(LONG, waiting).await.expect("it happens");
        before
    }

    /// Waits for a refusal, and returns the reason.
    pub(crate) async fn refusal(
        &mut self,
        wanted: impl Fn(&MembershipEvent) -> bool,
    ) -> Option<MembershipRefusal> {
        let waiting = async {
            loop {
                match self.0.recv().await? {
                    (_, event) if !wanted(&event) => {}
                    (_, MembershipEvent::Refused { reason, .. }) => return Some(reason),
                    _ => {}
                }
            }
        };
        timeout(LONG, waiting).await.expect("it is refused")
    }
}

pub(crate) fn gossiping(
    options: MembershipOptions,
) -> (impl FnOnce(ClusterBuilder) -> ClusterBuilder, Events) {
    let (told, events) = mpsc::unbounded_channel();
    let options = options.on_event(move |node, event| {
        told.send((node, event.clone())).ok();
    });
    let configure = |builder: ClusterBuilder| builder.membership(options);
    (configure, Events(events))
}

fn is_silent(event: &MembershipEvent) -> bool {
    matches!(event, MembershipEvent::Silent { .. })
}

/// Returns the nodes that answer for many entities.
pub(crate) async fn hosts(client: &ClusterClient) -> BTreeSet<usize> {
    let mut hosts = BTreeSet::new();
    for number in 0..30 {
        let entity = region(client).entity(format!("entity-{number}"));
        hosts.insert(whereabouts_in_the_end(&entity).await);
    }
    hosts
}

async fn nodes_that_gossip_serve_as_those_that_share_a_table(net: Net) {
    let (configure, _) = gossiping(MembershipOptions::new().latency(Duration::from_millis(5)));
    let (cluster, _) = net.counters_with(configure).await;
    let client = net.client(&cluster).await;
    assert_eq!(hosts(&client).await, [0, 1, 2].into());
    let mut services = client.services(&ServiceKey::<Counter>::new("clock"));
    let services = timeout(LONG, services.wait_for(1)).await.unwrap().unwrap();
    assert_eq!(services.instances.len(), 1);
}

async fn a_node_that_dies_is_missed_and_one_that_comes_back_is_taken_in(net: Net) {
    let (configure, mut events) = gossiping(MembershipOptions::new());
    let (cluster, _) = net.counters_with(configure).await;
    let client = net.client(&cluster).await;
    hosts(&client).await;
    cluster.kill(2).await;
    up_in_view(&client, 2).await;
    assert_eq!(hosts(&client).await, [0, 1].into());
    events.before(is_silent).await;
    cluster.restart(2).await.unwrap();
    up_in_view(&client, 3).await;
    timeout(LONG, cluster.wait_for_agreement()).await.unwrap();
}

async fn a_node_that_leaves_is_gone_at_once(net: Net) {
    let (configure, mut events) = gossiping(MembershipOptions::new());
    let (cluster, _) = net.counters_with(configure).await;
    let client = net.client(&cluster).await;
    let left = cluster.addresses()[0].clone();
    cluster.leave(0).await;
    up_in_view(&client, 2).await;
    let view = client.topology().current().unwrap();
    assert_eq!(view.member(&left).unwrap().status, MemberStatus::Down);
    let ordered = |event: &MembershipEvent| matches!(event, MembershipEvent::Ordered { .. });
    let before = events.before(ordered).await;
    assert!(!before.iter().any(is_silent), "{before:?}");
}

async fn nobody_is_dead_to_all_who_is_not_heard_by_one_and_goes_on_to_gossip(net: Net) {
    let healing = Healing::SilenceAndStillness(Duration::from_secs(3));
    let (configure, mut events) = gossiping(MembershipOptions::new().healing(healing));
    let (cluster, _) = net.counters_with(configure).await;
    let client = net.client(&cluster).await;
    cluster.cut_link(1, 0);
    let unheard = |event: &MembershipEvent| matches!(event, MembershipEvent::Unheard { .. });
    let before = events.before(unheard).await;
    assert!(!before.iter().any(is_silent), "{before:?}");
    up_in_view(&client, 3).await;
}

async fn nobody_speaks_for_a_member_and_no_client_becomes_one(net: Net) {
    let (configure, mut events) = gossiping(MembershipOptions::new());
    let (cluster, _) = net.counters_with(configure).await;
    let client = net.client(&cluster).await;
    let [node, other] = [0, 1].map(|number| cluster.addresses()[number].clone());
    let unrouted = cluster.status().nodes[0].unrouted;
    let gossip = GossipMessage {
        state: ClusterState::default(),
        from_node: other.clone(),
        is_reply: false,
    };
    let topology = client.actor_on(&node, TOPOLOGY_PATH).unwrap();
    topology.tell(gossip).unwrap();
    let topology = client.actor_on(&node, TOPOLOGY_PATH).unwrap();
    let join = |node: &NodeAddress| JoinRequest {
        node: node.clone(),
        roles: FrozenSet::default(),
        node_id: "impostor".into(),
        reply_to: None,
    };
    topology.tell(join(&other)).unwrap();
    cluster
        .wait_until(|status| status.nodes[0].unrouted == unrouted + 2)
        .await;
    topology.tell(join(client.identity())).unwrap();
    let refused = |event: &MembershipEvent| matches!(event, MembershipEvent::Refused { .. });
    events.before(refused).await;
    up_in_view(&client, 3).await;
}

over_both! {
    nodes_that_gossip_serve_as_those_that_share_a_table
    a_node_that_dies_is_missed_and_one_that_comes_back_is_taken_in
    a_node_that_leaves_is_gone_at_once
    nobody_is_dead_to_all_who_is_not_heard_by_one_and_goes_on_to_gossip
    nobody_speaks_for_a_member_and_no_client_becomes_one
}
