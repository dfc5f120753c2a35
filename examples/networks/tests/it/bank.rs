//! The cluster that the program asks.

use casty_client::ActorRef;
use casty_testkit::{Cluster, ClusterBuilder, Context, stateful};
use serde::Deserialize;

/// The number of shards, as the settings of the pages have it.
const SHARDS: u32 = 100;

#[derive(Deserialize)]
#[serde(rename = "bank.GetBalance")]
struct GetBalance {
    reply_to: ActorRef<i64>,
}

/// Returns three nodes that have the accounts.
pub(crate) fn bank() -> ClusterBuilder {
    let balance = |balance: &mut i64, message: GetBalance, context: &mut Context<'_>| {
        context.reply(&message.reply_to, balance);
    };
    Cluster::builder("bank").region("account", SHARDS, stateful(|| 0, balance))
}
