//! Distributed structures: counter, map, set, queue, lock, semaphore and barrier, shared by all
//! participants of a cluster, whatever their language.
//!
//! ```sh
//! cargo run -p casty-testkit --example structures
//! ```
//!
//! Runs against a cluster of three fake nodes in this process, and ends by itself. In a real cluster nodes
//! host the structures: `system.distributed().counter("hits")` in Python, and so on.

use std::error::Error;
use std::time::Duration;

use casty_client::{AcquireError, ClusterClient, Distributed, Released};
use casty_testkit::{Cluster, StartError, Structure};

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let cluster = start_cluster().await?;
    // Real cluster: `.contact_point("10.0.1.10:25520")`, and the codec that the nodes are configured with.
    let client = ClusterClient::builder("shop")
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .connect()
        .await?;
    // Each kind has the shard count that nodes have by default; `.shards(n)` and `.within(time)` change
    // both for the handles that are made from it.
    let shared = client.distributed();

    count_and_keep(&shared).await?;
    work_off_a_queue(&shared).await?;
    take_turns(&shared).await?;
    begin_together(&shared).await?;

    let report = client.close(Duration::from_secs(5)).await;
    println!("{report}");
    assert!(report.is_conserved() && report.unreleased == 0);
    cluster.stop().await;
    Ok(())
}

/// Uses a counter, a map and a set. What only reads is sent again where that helps; all else is sent once,
/// and an error says by its fate whether it may have been done.
async fn count_and_keep(shared: &Distributed) -> Outcome {
    let hits = shared.counter("hits")?;
    println!("{} hits", hits.increment(5).await?);
    assert_eq!((hits.decrement(2).await?, hits.get().await?), (3, 3));

    let prices = shared.map::<f64>("prices")?;
    assert_eq!(prices.put("tea", &2.5).await?, None);
    assert_eq!(prices.put("tea", &2.75).await?, Some(2.5));
    assert_eq!(prices.get("tea").await?, Some(2.75));
    assert!(prices.delete("tea").await? && !prices.contains("tea").await?);

    let tags = shared.set::<String>("tags")?;
    let red = "red".to_owned();
    assert!(tags.add(&red).await? && !tags.add(&red).await?);
    println!("{} tags", tags.size().await?);
    Ok(())
}

/// Has two workers empty a queue: each value is handed out once.
async fn work_off_a_queue(shared: &Distributed) -> Outcome {
    let jobs = shared.queue::<u32>("jobs")?;
    for job in 1..=20 {
        jobs.enqueue(&job).await?;
    }
    let worker = async || {
        let mut done = Vec::new();
        while let Some(job) = jobs.dequeue().await? {
            done.push(job);
        }
        Ok::<_, casty_client::StructureError>(done)
    };
    let (one, other) = tokio::try_join!(worker(), worker())?;
    println!("one worker did {}, the other {}", one.len(), other.len());
    assert_eq!(one.iter().chain(&other).sum::<u32>(), 210);
    Ok(())
}

/// Holds a lock, and permits of a semaphore, by guards.
async fn take_turns(shared: &Distributed) -> Outcome {
    let lock = shared.lock("nightly")?;
    let guard = lock.acquire().await?;
    // Not reentrant: whoever tries now is another owner.
    assert!(lock.try_acquire().await?.is_none());
    // An acquire that times out leaves nothing behind: should the node grant it later, it is released.
    let impatient = lock.acquire_within(Duration::from_millis(50)).await;
    assert!(matches!(impatient, Err(AcquireError::Timeout { .. })));
    // Work that others must not do at the same time stops when the guard is lost, with its node.
    tokio::select! {
        () = tokio::task::yield_now() => println!("done while {guard:?} was held"),
        lost = guard.lost() => println!("stopped: {lost}"),
    }
    // Dropping it releases, too; this tells whether it was held until now.
    assert_eq!(guard.release().await?, Released::Freed);

    let pool = shared.semaphore("pool")?;
    let permits = [pool.acquire().await?, pool.acquire().await?];
    assert!(pool.try_acquire().await?.is_none());
    drop(permits);
    Ok(())
}

/// Waits at a barrier until three have arrived.
async fn begin_together(shared: &Distributed) -> Outcome {
    let start = shared.barrier("start")?;
    tokio::try_join!(start.arrive(3), start.arrive(3), start.arrive(3))?;
    println!("all three have arrived");
    Ok(())
}

/// Starts the nodes, which are Python in a real cluster.
async fn start_cluster() -> Result<Cluster, StartError> {
    let shop = Cluster::builder("shop")
        .structure(Structure::counter("hits"))
        .structure(Structure::map("prices"))
        .structure(Structure::set("tags"))
        .structure(Structure::queue("jobs"))
        .structure(Structure::lock("nightly"))
        .structure(Structure::semaphore("pool", 2))
        .structure(Structure::barrier("start"));
    shop.start().await
}
