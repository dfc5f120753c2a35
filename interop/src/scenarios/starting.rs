//! Clients that begin when not everything is there.

use std::time::{Duration, Instant};

use casty_client::NodeAddress;
use tokio::net::TcpListener;

use crate::app::{GetCount, Increment};
use crate::clients::{builder, close};
use crate::cluster::SHARDS;
use crate::raw::RawConnection;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "contact_points_that_are_down_or_silent_delay_nothing",
        90,
        |context| Box::pin(bad_contacts(context)),
    ),
    Scenario::new(
        "what_is_sent_before_the_cluster_is_there_arrives_when_it_is",
        120,
        |context| Box::pin(before_the_cluster(context)),
    ),
];

async fn bad_contacts(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let good = cluster.addresses()[0].to_string();
    // Bound and let go: nobody listens there.
    let down = TcpListener::bind("127.0.0.1:0")
        .await?
        .local_addr()?
        .to_string();
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let hole = silent.local_addr()?.to_string();
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let mut waits = Vec::new();
    for contacts in [
        [&down, &hole, &good],
        [&hole, &down, &good],
        [&good, &hole, &down],
    ] {
        // Over QUIC both bad ones are silent: nothing answers at these ports.
        let client = builder(cluster, &[]).contact_points(contacts);
        let begun = Instant::now();
        let client = client.connect().await?;
        client.ready(Duration::from_secs(20)).await?;
        waits.push(begun.elapsed());
        let count = client.entity_ref("counter", SHARDS)?.entity("contacts");
        count.ask(|reply_to| GetCount { reply_to }).await?;
        close(&client).await?;
    }
    accepting.abort();
    let shown: Vec<_> = waits
        .iter()
        .map(|wait| format!("{:.0}", wait.as_secs_f64() * 1e3))
        .collect();
    if waits.iter().any(|wait| *wait >= Duration::from_secs(1)) {
        return Err(format!("first views after {} ms", shown.join(", ")).into());
    }
    Ok(format!("first views after {} ms", shown.join(", ")))
}

async fn before_the_cluster(context: Context) -> Result<Figures, Failure> {
    const ENTITIES: usize = 20;
    const TELLS: i64 = 25;
    let wait = Duration::from_secs(90);
    let mut cluster = context.reserve(2).await?.hosting(&["counter"]);
    let client = builder(&cluster, &[0, 1])
        .buffer_timeout(wait)
        .connect()
        .await?;
    let region = client.entity_ref("counter", SHARDS)?;
    let nobody = NodeAddress::new("127.9.9.9", 0);
    if RawConnection::open(&cluster, &cluster.addresses()[0], &nobody)
        .await
        .is_ok()
    {
        return Err("a node listens before it was started".into());
    }
    let mut asks = Vec::new();
    for n in 0..ENTITIES {
        let entity = region.entity(format!("early-{n}"));
        for _ in 0..TELLS {
            entity.tell(Increment { amount: 1 })?;
        }
        let ask = entity.ask(|reply_to| GetCount { reply_to }).within(wait);
        asks.push(tokio::spawn(ask.send()));
    }
    let buffered = client.stats().buffered;
    let begun = Instant::now();
    cluster.launch().await?;
    let ready = begun.elapsed().as_secs_f64();
    for ask in asks {
        let count = ask.await??;
        if count != TELLS {
            return Err(format!("an entity counted {count} of {TELLS}").into());
        }
    }
    let answered = begun.elapsed().as_secs_f64();
    let report = close(&client).await?;
    cluster.stop().await?;
    if report.stats.not_sent + report.stats.unknown > 0 {
        return Err(format!("{report}").into());
    }
    Ok(format!(
        "{buffered} messages buffered; nodes ready after {ready:.1} s, all asks answered after {answered:.1} s; {report}"
    ))
}
