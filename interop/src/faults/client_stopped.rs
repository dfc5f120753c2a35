//! The client's own process is stopped for 12 s, longer than it bears the silence of a cluster, and
//! goes on: the nodes were well all the time.

use std::time::Duration;

use casty_proto::NodeAddress;
use tokio::time::sleep;

use super::figure::Figure;
use super::order::{Asked, now};
use super::owner_killed::answered_of;
use super::site::{Site, entities};
use crate::error::Failure;

/// The time for which the process is stopped.
const STOPPED: Duration = Duration::from_secs(12);
/// The time before and after that in which it asks.
const AROUND: Duration = Duration::from_secs(3);
/// The seconds that an ask which is given when the process goes on may take. What it has missed it
/// asks at once, hundreds of times.
const AT_ONCE: f64 = 2.0;

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let cluster = site.cluster(2).await?;
    let asked = entities(&cluster, "asked").await?;
    let asked: Vec<_> = asked.iter().map(String::as_str).collect();
    let mut subject = site.subject()?;
    // By another name than the nodes have for it, as is usual: the client cannot tell at once that it
    // leads to a connection that it has.
    let contact = NodeAddress::new("localhost", cluster.addresses()[cluster.leader()].port());
    subject.join(&[&contact]).await?;
    let rhythm = (Duration::from_millis(20), Duration::from_secs(5));
    subject.ask("asks", &asked, rhythm).await?;
    sleep(AROUND).await;
    let stopped = now();
    subject.hang()?;
    sleep(STOPPED).await;
    subject.resume()?;
    let resumed = now();
    sleep(AROUND).await;
    let asks = subject.stop("asks").await?.asks;
    subject.close().await?;
    cluster.stop().await?;

    let end = resumed + AROUND.as_secs_f64() - AT_ONCE / 2.0;
    let during = |from: f64, to: f64| -> Vec<Asked> {
        let asks = asks.iter().filter(|ask| (from..to).contains(&ask.0));
        asks.copied().collect()
    };
    let [before, after] = [during(0.0, resumed - 1.0), during(resumed - 1.0, end)];
    let last = before.iter().rev().take(50).copied().collect::<Vec<_>>();
    let at_once = |ask: &Asked| ask.1.is_some_and(|took| took <= AT_ONCE);
    Ok(vec![
        Figure::limited(
            "the last asks before the stop, all answered",
            answered_of(&last, stopped),
            last.iter().all(|ask| ask.1.is_some()),
        ),
        Figure::limited(
            "asks from the moment at which the client goes on, all answered within 2 s",
            answered_of(&after, resumed),
            !after.is_empty() && after.iter().all(at_once),
        ),
    ])
}
