//! Distributed structures of nodes, used by the Rust client alone: Python's client has none in older versions.

use std::time::Duration;

use casty_client::{AcquireError, ClusterClient, Released};

use crate::clients::{close, connect};
use crate::scenario::{Context, Failure, Figures};

/// The structures that the nodes host.
pub(super) const STRUCTURES: [&str; 7] = [
    "counter:hits",
    "map:users",
    "set:tags",
    "queue:jobs",
    "lock:door",
    "sem:pool",
    "barrier:start",
];
/// Longer than anything here should take.
pub(super) const LONG: Duration = Duration::from_mins(1);

pub(super) async fn alone(context: Context) -> Result<Figures, Failure> {
    const VALUES: u32 = 100;
    let cluster = context.reserve(2).await?.hosting(&["counter"]);
    let mut cluster = cluster.sharing(&STRUCTURES);
    cluster.launch().await?;
    let client = connect(&cluster).await?;
    let shared = client.distributed().within(LONG);
    count(&client).await?;
    let users = shared.map::<i64>("users")?;
    let put = [users.put("ada", &36).await?, users.put("ada", &37).await?];
    let found = (users.get("ada").await?, users.get("nobody").await?);
    let jobs = shared.queue::<u32>("jobs")?;
    for value in 0..VALUES {
        jobs.enqueue(&value).await?;
    }
    let mut taken = Vec::new();
    while let Some(value) = jobs.dequeue().await? {
        taken.push(value);
    }
    if put != [None, Some(36)] || found != (Some(37), None) || !taken.iter().copied().eq(0..VALUES)
    {
        return Err(format!("{put:?}, {found:?}, {taken:?}").into());
    }
    let door = shared.lock("door")?;
    let held = door.acquire().await?;
    let refused = door.try_acquire().await?.is_none();
    let freed = held.release().await?;
    let pool = shared.semaphore("pool")?;
    let permits = (pool.acquire().await?, pool.acquire().await?);
    let third = pool.try_within(Duration::from_millis(300)).await;
    permits.0.release().await?;
    permits.1.release().await?;
    if !refused || freed != Released::Freed || !matches!(third, Err(AcquireError::Timeout { .. })) {
        return Err(format!("{refused}, {freed:?}, {third:?}").into());
    }
    let start = shared.barrier("start")?;
    let arrivals = tokio::join!(start.arrive(2), start.arrive(2));
    arrivals.0?;
    arrivals.1?;
    let report = close(&client).await?;
    cluster.stop().await?;
    Ok(format!("all seven kinds; {report}"))
}

/// Uses the counter and the set.
pub(super) async fn count(client: &ClusterClient) -> Result<(), Failure> {
    let hits = client.distributed().counter("hits")?;
    let counted = (hits.increment(7).await?, hits.decrement(2).await?);
    let tags = client.distributed().set::<String>("tags")?;
    let red = "red".to_owned();
    let added = [tags.add(&red).await?, tags.add(&red).await?];
    let there = (tags.contains(&red).await?, tags.size().await?);
    let removed = [tags.remove(&red).await?, tags.remove(&red).await?];
    let got = (hits.get().await?, hits.destroy().await?);
    if counted != (7, 5) || added != [true, false] || there != (true, 1) {
        return Err(format!("{counted:?}, {added:?}, {there:?}").into());
    }
    if removed != [true, false] || got != (5, true) {
        return Err(format!("{removed:?}, {got:?}").into());
    }
    Ok(())
}
