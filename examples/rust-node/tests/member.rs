//! The program beside nodes of casty-testkit that gossip: it joins, hosts, follows or leads, and leaves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic"
)]

use std::process::Stdio;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, EntityRef, NodeAddress, RegionRef, View};
use casty_proto::message::MemberStatus;
use casty_testkit::{Cluster, Context, MembershipOptions, stateful};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const SHARDS: u32 = 100;

/// Longer than anything here should take, so that what hangs fails.
const LONG: Duration = Duration::from_mins(1);

#[derive(Serialize, Deserialize)]
enum Message {
    #[serde(rename = "counter_app.messages.Increment")]
    Increment { amount: i64 },
    #[serde(rename = "counter_app.messages.GetCount")]
    GetCount { reply_to: ActorRef<i64> },
    #[serde(rename = "interop_app.messages.GetNode")]
    GetNode { reply_to: ActorRef<String> },
}

/// The program; killed when it is dropped.
struct RustNode {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl RustNode {
    fn start(arguments: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rust-node"));
        command.args(["--system", "example", "--attached"]);
        command.args(arguments.split_whitespace());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for the line that begins with a word, and returns what follows.
    async fn said(&mut self, word: &str) -> NodeAddress {
        let waiting = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("it goes on");
                if let Some((said, address)) = line.split_once(' ')
                    && said == word
                {
                    return address.parse().unwrap();
                }
            }
        };
        timeout(LONG, waiting).await.unwrap()
    }

    /// Has it leave, and waits until it has ended.
    async fn leave(mut self) {
        drop(self.child.stdin.take());
        let status = timeout(LONG, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// Starts nodes in this process that host the same region.
async fn nodes(count: usize, options: MembershipOptions) -> Cluster {
    let receive = |count: &mut i64, message: Message, context: &mut Context<'_>| match message {
        Message::Increment { amount } => *count += amount,
        Message::GetCount { reply_to } => context.reply(&reply_to, count),
        Message::GetNode { reply_to } => context.reply(&reply_to, &"here".to_owned()),
    };
    let cluster = Cluster::builder("example").nodes(count);
    let cluster = cluster.region("counter", SHARDS, stateful(|| 0, receive));
    cluster.membership(options).start().await.unwrap()
}

async fn connect(cluster: &Cluster) -> ClusterClient {
    let client = ClusterClient::builder("example").contact_points(cluster.contact_points());
    client.connect().await.unwrap()
}

/// Waits until so many members are up, and no more, and returns that view.
async fn with_members_up(client: &ClusterClient, count: usize) -> std::sync::Arc<View> {
    let is_up = |view: &View| {
        let members = view.members().iter();
        members.filter(|it| it.status == MemberStatus::Up).count() == count
    };
    let mut topology = client.topology();
    let view = timeout(LONG, topology.wait_for(is_up)).await;
    view.expect("the members are as wanted").unwrap()
}

async fn node_of(entity: &EntityRef) -> String {
    let ask = entity.ask(|reply_to| Message::GetNode { reply_to });
    ask.within(LONG).idempotent().await.unwrap()
}

/// Returns an entity on the program.
async fn entity_on(region: &RegionRef, node: &str) -> EntityRef {
    for number in 0..1_000 {
        let entity = region.entity(format!("entity-{number}"));
        if node_of(&entity).await == node {
            return entity;
        }
    }
    panic!("{node} hosts none of 1,000 entities");
}

#[tokio::test]
async fn the_program_joins_hosts_entities_and_leaves_them_to_the_others() {
    let cluster = nodes(2, MembershipOptions::new()).await;
    let seed = cluster.contact_points().remove(0);
    let mut node = RustNode::start(&format!("--id outside --seed {seed}"));
    let address = node.said("LISTENING").await;
    assert_eq!(node.said("READY").await, address);
    let client = connect(&cluster).await;
    with_members_up(&client, 3).await;
    let region = client.region("counter", SHARDS).unwrap();
    let entity = entity_on(&region, "outside").await;
    for _ in 0..3 {
        entity.tell(Message::Increment { amount: 7 }).unwrap();
    }
    let count: i64 = entity
        .ask(|reply_to| Message::GetCount { reply_to })
        .await
        .unwrap();
    assert_eq!(count, 21);
    node.leave().await;
    let view = with_members_up(&client, 2).await;
    assert_eq!(view.member(&address).unwrap().status, MemberStatus::Down);
    assert_eq!(node_of(&entity).await, "here");
}

#[tokio::test]
async fn a_member_that_advertises_a_host_name_does_not_lead_although_it_was_the_first() {
    let mut node = RustNode::start("--listen 127.0.0.1:0 --advertise localhost:0");
    let address = node.said("READY").await;
    assert_eq!(address.host(), "localhost");
    let cluster = nodes(1, MembershipOptions::new().seeds([address.clone()])).await;
    let client = connect(&cluster).await;
    let view = with_members_up(&client, 2).await;
    assert_eq!(view.leader(), cluster.address(0).as_ref());
    // Whether the other one has shards depends on when it has told this leader that it hosts the region.
    let region = client.region("counter", SHARDS).unwrap();
    entity_on(&region, "here").await;
    node.leave().await;
}
