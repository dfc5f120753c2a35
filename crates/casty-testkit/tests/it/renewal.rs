//! Coming back to a node that failed to send to the client, and quarantines its address for 5 s.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casty_client::{AskError, ClusterClient, EntityRef, NodeAddress, TransportConfig};
use casty_testkit::{Cluster, ClusterBuilder, Context, stateful};
use casty_transport::{ByteStream, DialError, ListenError, Listener, Transport};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::app::{Counter, LONG, Net, assert_conserved, close_and_check, region};
use crate::over_both;

/// A gate that lets no connection through while it is closed.
#[derive(Debug)]
struct Gate {
    below: Arc<dyn Transport>,
    open: watch::Receiver<bool>,
}

#[async_trait]
impl Transport for Gate {
    async fn dial(&self, to: &NodeAddress) -> Result<ByteStream, DialError> {
        self.open.clone().wait_for(|open| *open).await.unwrap();
        self.below.dial(to).await
    }

    async fn listen(&self, at: &NodeAddress) -> Result<Box<dyn Listener>, ListenError> {
        self.below.listen(at).await
    }
}

/// A client of a cluster that is subscribed to `source`, and can be kept away.
struct Absentee {
    cluster: Cluster,
    client: ClusterClient,
    gate: watch::Sender<bool>,
    source: usize,
    /// An entity on the node it is subscribed to.
    entity: EntityRef,
}

impl Absentee {
    async fn new(net: &Net) -> Self {
        let (cluster, _) = net.counters().await;
        let (gate, open) = watch::channel(true);
        let below = net.transport().build();
        let transport = TransportConfig::custom(Arc::new(Gate { below, open }));
        let client = net.client_builder(&cluster).transport(transport);
        // Longer than it is kept away.
        let client = client.connect_timeout(LONG).connect().await.unwrap();
        client.ready(LONG).await.unwrap();
        let status = cluster.wait_until(|status| {
            status.nodes.iter().any(|node| node.subscribers > 0)
                && status.nodes.iter().all(|node| node.connections > 0)
        });
        let status = status.await;
        let source = status.nodes.iter().position(|node| node.subscribers > 0);
        let source = source.unwrap();
        let entity = 'found: {
            for number in 0..100 {
                let entity = region(&client).entity(format!("e{number}"));
                if whereabouts(&entity).await == source {
                    break 'found entity;
                }
            }
            panic!("no entity of a hundred is on node {source}")
        };
        Self {
            cluster,
            client,
            gate,
            source,
            entity,
        }
    }

    /// Loses the connection to the subscribed node, and stays away until that has noticed.
    async fn stay_away(&self) {
        let before = self.cluster.status().nodes[self.source].undelivered;
        self.gate.send_replace(false);
        self.cluster.cut(self.source);
        let noticed = self
            .cluster
            .wait_until(|status| status.nodes[self.source].undelivered > before);
        timeout(LONG, noticed).await.expect("the node pushes");
    }

    fn come_back(&self) {
        self.gate.send_replace(true);
    }
}

async fn whereabouts(entity: &EntityRef) -> usize {
    let number = entity.ask(|reply_to| Counter::Where { reply_to });
    let number: u64 = number.within(LONG).await.unwrap();
    usize::try_from(number).unwrap()
}

/// A time shorter than any quarantine.
const SOON: Duration = Duration::from_secs(2);

async fn a_client_that_was_away_is_answered_as_soon_as_it_is_back(net: Net) {
    let absentee = Absentee::new(&net).await;
    absentee.stay_away().await;
    // Asked while it is away, and so buffered, and once it is back.
    let buffered = absentee.entity.ask(|reply_to| Counter::Where { reply_to });
    let buffered = buffered.within(LONG).send();
    absentee.come_back();
    let buffered: u64 = timeout(SOON, buffered)
        .await
        .expect("no quarantine")
        .unwrap();
    assert_eq!(usize::try_from(buffered).unwrap(), absentee.source);
    for _ in 0..10 {
        let answered = timeout(SOON, whereabouts(&absentee.entity)).await;
        assert_eq!(answered.expect("no quarantine"), absentee.source);
    }
    close_and_check(&absentee.client).await;
}

async fn the_subscription_left_behind_is_ended(net: Net) {
    let absentee = Absentee::new(&net).await;
    absentee.stay_away().await;
    absentee.come_back();
    let one = absentee.cluster.wait_until(|status| {
        let subscribers = status.nodes.iter().map(|node| node.subscribers);
        subscribers.sum::<usize>() == 1
    });
    timeout(LONG, one).await.expect("one subscription is left");
    assert_conserved(&absentee.client.close(LONG).await);
}

over_both! {
    a_client_that_was_away_is_answered_as_soon_as_it_is_back
    the_subscription_left_behind_is_ended
}

#[tokio::test(start_paused = true)]
async fn after_the_quarantine_the_first_address_serves_for_everything_again() {
    let absentee = Absentee::new(&Net::memory()).await;
    let (sender, mut numbers) = mpsc::unbounded_channel();
    let sink = absentee.client.spawn(
        move |number: i64, _| {
            sender.send(number).unwrap();
            std::future::ready(())
        },
        "sink",
    );
    let to = sink.unwrap().actor_ref();
    let clock = absentee
        .client
        .lookup(&casty_client::ServiceKey::<Counter>::new("clock"));
    let clock = clock.instances[0].actor.actor_ref();
    absentee.stay_away().await;
    absentee.come_back();
    for _ in 0..3 {
        whereabouts(&absentee.entity).await;
        assert_eq!(absentee.client.stats().connections, 3);
        tokio::time::sleep(Duration::from_secs(8)).await;
        assert_eq!(absentee.client.stats().secondary_connections, 1);

        // To a reference that the client gave away before it was lost.
        let (to, count) = (to.clone(), 1);
        absentee.entity.tell(Counter::Stream { to, count }).unwrap();
        let number = timeout(SOON, numbers.recv()).await.expect("it arrives");
        assert_eq!(number, Some(0));
        // By a node that was never lost.
        let passed_on = absentee.entity.ask(|reply_to| Counter::SendOn {
            to: clock.clone(),
            reply_to,
        });
        let number: u64 = timeout(SOON, passed_on.send()).await.unwrap().unwrap();
        assert_eq!(number, 1, "the clock's node");
        absentee.cluster.cut(absentee.source);
    }
    let report = close_and_check(&absentee.client).await;
    assert_eq!(
        (report.stats.connections, report.stats.secondary_connections),
        (0, 0)
    );
}

fn tell_where((): &mut (), message: Counter, context: &mut Context<'_>) {
    if let Counter::Where { reply_to } = message {
        context.reply(&reply_to, &(context.node() as u64));
    }
}

async fn ask_singleton(client: &ClusterClient, by: &NodeAddress) -> Result<u64, AskError> {
    let singleton = client.actor_on(by, "/_singleton-where").unwrap();
    let asked = singleton.ask(|reply_to| Counter::Where { reply_to });
    asked.within(SOON).await
}

/// It was passed on a question by the leader before it, and had no connection to reply by.
#[tokio::test(start_paused = true)]
async fn a_new_leader_that_failed_to_send_to_a_client_answers_it_once_it_is_connected() {
    let net = Net::memory();
    let with = |it: ClusterBuilder| {
        let at = [NodeAddress::new("127.0.0.2", 0)];
        it.addresses(at)
            .singleton("where", stateful(|| (), tell_where))
    };
    let cluster = net.lone_counter_with(with).await;
    let (gate, open) = watch::channel(true);
    let below = net.transport().build();
    let transport = TransportConfig::custom(Arc::new(Gate { below, open }));
    let client = net.client_builder(&cluster).transport(transport);
    let client = client.connect().await.unwrap();
    client.ready(LONG).await.unwrap();
    gate.send_replace(false);

    cluster.add(NodeAddress::new("127.0.0.1", 0)).await.unwrap();
    let [former, leader] = [0, 1].map(|node| cluster.address(node).unwrap());
    let mut topology = client.topology();
    let leads = topology.wait_for(|view| view.leader() == Some(&leader));
    timeout(LONG, leads).await.expect("views come").unwrap();
    let (passed_on, failed) = tokio::join!(
        ask_singleton(&client, &former),
        cluster.wait_until(|status| status.nodes[1].undelivered > 0),
    );
    assert!(
        matches!(passed_on, Err(AskError::Timeout { .. })),
        "{passed_on:?}"
    );
    assert_eq!(failed.nodes[1].connections, 0);

    gate.send_replace(true);
    let number = ask_singleton(&client, &leader).await;
    assert_eq!(number.expect("no quarantine"), 1);
    close_and_check(&client).await;
}

/// It could answer what it was asked meanwhile.
#[tokio::test(start_paused = true)]
async fn a_new_leader_that_was_connected_before_keeps_its_one_connection() {
    let net = Net::memory();
    let at = ["127.0.0.1", "127.0.0.2"].map(|host| NodeAddress::new(host, 0));
    let with = |it: ClusterBuilder| it.nodes(2).addresses(at);
    let (cluster, _) = net.counters_with(with).await;
    let client = net.client(&cluster).await;
    let connected = cluster.wait_until(|status| status.nodes.iter().all(|it| it.connections == 1));
    timeout(LONG, connected).await.expect("both are dialled");
    cluster.kill(0).await;
    let leader = cluster.address(1).unwrap();
    let mut topology = client.topology();
    let leads = topology.wait_for(|view| view.leader() == Some(&leader));
    timeout(LONG, leads).await.expect("views come").unwrap();
    let stats = client.stats();
    assert_eq!((stats.connections, stats.secondary_connections), (1, 0));
    assert_eq!(cluster.status().nodes[1].connections, 1);
    close_and_check(&client).await;
}
