//! Fates: what became of each message, as dead letters tell it and as the counters do.
//!
//! ```sh
//! cargo run -p casty-client --example dead_letters_and_stats
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. For a real
//! cluster, leave out `start_cluster` and give the contact points and codec of the nodes.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, Fate, Loss, NotSent};
use casty_testkit::{Cluster, Context, StartError, stateful};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

#[derive(Serialize, Deserialize)]
#[serde(rename = "log.Append")]
struct Append {
    line: String,
    reply_to: ActorRef<u64>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = start_cluster().await?;
    let alarms = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&alarms);
    let client = ClusterClient::builder("log")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        // How long a message may wait for a connected owner of its shard; 5 s by default.
        .buffer_timeout(Duration::from_millis(300))
        // Called with every dead letter, on the client's own tasks: it must not block.
        .on_dead_letter(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .connect()
        .await?;
    // The same as a stream, from now on. Who is more than 1,024 letters behind misses the oldest.
    let mut letters = client.dead_letters();

    let journal = client.region("journal", 10)?.entity("today");
    for number in 0..3 {
        let line = format!("line {number}");
        let length: u64 = journal.ask(|reply_to| Append { line, reply_to }).await?;
        assert_eq!(length, number + 1);
    }

    // The name of a region is the user's word; nothing on the wire says that it is wrong. The
    // message is accepted and waits for an owner, which nobody ever names.
    let misspelt = client.region("jurnal", 10)?.entity("today");
    misspelt.tell("a message that goes nowhere")?;

    let letter = timeout(Duration::from_secs(10), letters.recv()).await?;
    let letter = letter.ok_or("the client has ended")?;
    println!("dead letter for {}: {}", letter.target, letter.loss);
    assert!(letter.target.starts_with("jurnal/"));
    // Nothing of it was sent, so it may be sent again. `Fate::Unknown` (`Loss::InFlight`) would
    // mean that its connection was lost, and that it may or may not have arrived.
    assert_eq!(letter.fate(), Fate::NotSent);
    assert!(matches!(letter.loss, Loss::NotSent(NotSent::Expired(_))));
    assert_eq!(alarms.load(Ordering::Relaxed), 1);

    // Counters: for a metrics endpoint. Nothing moves now, so they add up.
    let stats = client.stats();
    println!("{stats:#?}");
    assert_eq!((stats.accepted, stats.written, stats.not_sent), (4, 3, 1));
    assert!(stats.is_conserved());
    // The same by region; `node_stats` has it by node.
    for region in client.region_stats() {
        let name = region.region.as_deref().unwrap_or("(actors)");
        println!("{name}: {} of {} written", region.written, region.accepted);
    }

    // The last word, once everything has ended.
    let report = client.close(Duration::from_secs(5)).await;
    println!("{report}");
    assert!(report.drained && report.is_conserved());
    cluster.stop().await;
    Ok(())
}

/// Starts the nodes and their entities, which are Python in a real cluster.
async fn start_cluster() -> Result<Cluster, StartError> {
    let append = |lines: &mut Vec<String>, message: Append, context: &mut Context<'_>| {
        lines.push(message.line);
        context.reply(&message.reply_to, &(lines.len() as u64));
    };
    let log = Cluster::builder("log").region("journal", 10, stateful(Vec::new, append));
    log.start().await
}
