//! The nodes that blocks talk to, and clients of them.

use std::cell::RefCell;
use std::time::Duration;

use casty_client::{ActorRef, BufferLimits, ClientBuilder, ClusterClient};
use casty_testkit::{Cluster, ClusterBuilder, Context, stateful};
use serde::Deserialize;

/// Longer than anything takes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

thread_local! {
    /// The addresses of the nodes of this thread's test.
    static HOSTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The messages that an account understands.
#[derive(Deserialize)]
enum Message {
    #[serde(rename = "bank.Deposit")]
    Deposit { amount: i64 },
    #[serde(rename = "bank.GetBalance")]
    GetBalance { reply_to: ActorRef<i64> },
}

/// Returns a cluster of three nodes, to be started, with the accounts of the pages.
pub(crate) fn bank() -> ClusterBuilder {
    let account = |balance: &mut i64, message, context: &mut Context<'_>| match message {
        Message::Deposit { amount } => *balance += amount,
        Message::GetBalance { reply_to } => context.reply(&reply_to, balance),
    };
    Cluster::builder("my-cluster")
        .nodes(3)
        .region("account", 100, stateful(|| 0, account))
}

/// Has the addresses that pages write be those of these nodes, on this thread.
pub(crate) fn stand_in(cluster: &Cluster) {
    HOSTS.set(cluster.contact_points());
}

/// Returns the address of a node that stands in for one of a page.
pub(crate) fn host(node: usize) -> String {
    HOSTS.with_borrow(|hosts| hosts[node].clone())
}

/// Returns a client that is connected to the cluster.
pub(crate) async fn client(cluster: &Cluster) -> ClusterClient {
    let builder = ClusterClient::builder("my-cluster").contact_points(cluster.contact_points());
    let client = builder.connect().await.unwrap();
    client.ready(LONG).await.unwrap();
    client
}

/// Returns a client that finds no node, and has place for one message.
pub(crate) async fn lost_client() -> ClusterClient {
    lost(|builder| builder.buffer(BufferLimits::default().messages(1))).await
}

/// Returns a client that finds no node.
pub(crate) async fn lost(with: impl FnOnce(ClientBuilder) -> ClientBuilder) -> ClusterClient {
    // Nothing listens at port 1.
    let builder = ClusterClient::builder("my-cluster").contact_point("127.0.0.1:1");
    with(builder).connect().await.unwrap()
}
