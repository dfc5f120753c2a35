//! A program without an async runtime: each future by `wait`, each stream by `wait_each`.
//!
//! ```sh
//! cargo run -p casty-client --features blocking --example without_async
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and change what is marked with "real cluster".

use std::error::Error;
use std::thread;
use std::time::Duration;

use casty_client::blocking::{Wait, WaitEach};
use casty_client::{ActorRef, ClusterClient};
use casty_testkit::{Cluster, Context, stateful};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

#[derive(Serialize)]
#[serde(rename = "bank.Deposit")]
struct Deposit {
    amount: i64,
}

#[derive(Serialize)]
#[serde(rename = "bank.GetBalance")]
struct GetBalance {
    reply_to: ActorRef<i64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (_nodes, cluster) = start_cluster()?;

    // Real cluster: `.contact_point("10.0.1.10:25520")`, and the codec of its nodes. It runs on a
    // thread beside; every thread of the program may use it.
    let client = ClusterClient::builder("bank")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect_blocking()?;
    client.ready(Duration::from_secs(10)).wait()?;
    let accounts = client.region("account", 100)?;

    thread::scope(|threads| {
        for name in ["alice", "bob", "carol"] {
            let account = accounts.entity(name);
            threads.spawn(move || account.tell(Deposit { amount: 5 }));
        }
    });

    let alice = accounts.entity("alice");
    let balance: i64 = alice.ask(|reply_to| GetBalance { reply_to }).wait()?;
    println!("alice has {balance}");
    assert_eq!(balance, 5);

    // Many at once need no thread each: they are open together, and come as they are answered.
    let names = ["alice", "bob", "carol"];
    let balances = accounts.ask_many(64, names, |name, reply_to| (name, GetBalance { reply_to }));
    for (index, balance) in balances.wait_each() {
        println!("{} has {}", names[index], balance?);
    }

    let report = client.close(Duration::from_secs(5)).wait();
    println!("{report}");
    assert!(report.is_conserved());
    Ok(())
}

/// Starts the nodes and their entities, which are Python in a real cluster, on a runtime that drives
/// them.
fn start_cluster() -> Result<(Runtime, Cluster), Box<dyn Error>> {
    #[derive(Deserialize)]
    enum Message {
        #[serde(rename = "bank.Deposit")]
        Deposit { amount: i64 },
        #[serde(rename = "bank.GetBalance")]
        GetBalance { reply_to: ActorRef<i64> },
    }
    let account = |balance: &mut i64, message, context: &mut Context<'_>| match message {
        Message::Deposit { amount } => *balance += amount,
        Message::GetBalance { reply_to } => context.reply(&reply_to, balance),
    };
    let bank = Cluster::builder("bank").region("account", 100, stateful(|| 0, account));
    let nodes = Runtime::new()?;
    let cluster = nodes.block_on(bank.start())?;
    Ok((nodes, cluster))
}
