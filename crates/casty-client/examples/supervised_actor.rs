//! An actor of the client's own with a state, a small mailbox, and a restart when its handler panics;
//! the cluster tells it and asks it.
//!
//! ```sh
//! cargo run -p casty-client --example supervised_actor
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and give the contact points and codec of the nodes.

use std::error::Error;
use std::time::Duration;

use casty_client::{
    Actor, ActorContext, ActorExit, ActorRef, ClusterClient, MailboxOverflow, RestartPolicy,
};
use casty_testkit::{Cluster, Context, StartError};
use serde::{Deserialize, Serialize};

/// The messages of the meter, which a node sends.
#[derive(Serialize, Deserialize)]
enum ToMeter {
    #[serde(rename = "meter.Add")]
    Add { amount: i64 },
    #[serde(rename = "meter.GetSum")]
    GetSum { reply_to: ActorRef<i64> },
}

/// The request to a node to measure: it tells the meter, and asks it on behalf of whoever asked.
#[derive(Serialize, Deserialize)]
#[serde(rename = "meter.Measure")]
struct Measure {
    amounts: Vec<i64>,
    meter: ActorRef<ToMeter>,
    reply_to: ActorRef<i64>,
}

#[derive(Default)]
struct Meter {
    sum: i64,
}

impl Actor for Meter {
    type Message = ToMeter;

    async fn handle(&mut self, message: ToMeter, context: &ActorContext<ToMeter>) {
        match message {
            ToMeter::Add { amount } => {
                assert!(amount >= 0, "meters do not run backwards");
                self.sum += amount;
            }
            // The reply goes to whoever asked, wherever that is. If it cannot be sent now, the asker's
            // own deadline ends the ask.
            ToMeter::GetSum { reply_to } => context.tell(&reply_to, self.sum).unwrap_or_default(),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = start_cluster().await?;
    let client = ClusterClient::builder("meter")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;
    client.ready(Duration::from_secs(10)).await?;

    let policy =
        RestartPolicy::on_panic().backoff(Duration::from_millis(10), Duration::from_secs(1));
    let meter = client
        .actor("meter")
        .mailbox(1_000) // and what comes when it is full takes the place of the oldest
        .overflow(MailboxOverflow::DropOldest)
        .restart(policy)
        .spawn(Meter::default)?;

    // A node tells it, and asks it: the node passes the client's own reference on as `reply_to`.
    let node = cluster.address(1).ok_or("no such node")?;
    let probe = client.actor_on::<Measure>(&node, "probe")?;
    let measure = |amounts: Vec<i64>| {
        let meter = meter.actor_ref();
        move |reply_to| Measure {
            amounts,
            meter,
            reply_to,
        }
    };
    assert_eq!(probe.ask(measure(vec![1, 2, 3])).await?, 6);

    // The handler panics at the second amount: that message is dropped, the state made anew, and the
    // rest, which waited in the mailbox, is handled.
    assert_eq!(probe.ask(measure(vec![1, -1, 5])).await?, 5);
    let stats = meter.stats();
    println!("{stats:?}");
    assert_eq!((stats.panics, stats.restarts), (1, 1));

    // In order: no more messages are taken, those that are there handled. `stopped` tells any holder
    // of a handle why it ended.
    let exit = meter.stop(Duration::from_secs(5)).await;
    assert_eq!(exit, ActorExit::Stopped);

    let report = client.close(Duration::from_secs(5)).await;
    assert!(report.is_conserved());
    cluster.stop().await;
    Ok(())
}

/// Starts the nodes and their actors, which are Python in a real cluster.
async fn start_cluster() -> Result<Cluster, StartError> {
    let measure = |message: Measure, context: &mut Context<'_>| {
        for amount in message.amounts {
            context.reply(&message.meter, &ToMeter::Add { amount });
        }
        let reply_to = message.reply_to;
        context.reply(&message.meter, &ToMeter::GetSum { reply_to });
    };
    Cluster::builder("meter")
        .actor("probe", measure)
        .start()
        .await
}
