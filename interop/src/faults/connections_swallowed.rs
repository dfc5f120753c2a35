//! The connections to a node go on to take what comes, and swallow it, so that no kernel notices; new
//! ones work. Before that, the client is idle for longer than a dead connection is kept.

use std::time::Duration;

use tokio::time::sleep;

use super::figure::{Figure, seconds_or};
use super::order::now;
use super::owner_killed::first_answer;
use super::site::{Site, entities};
use super::subject::FIRST_VIEW;
use super::swallower::Swallower;
use crate::error::Failure;

/// Longer than a connection is kept that does not answer.
const IDLE: Duration = Duration::from_secs(20);
const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(30);
const LIMIT: f64 = 20.0;
const ASKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    // One node sends views only when asked, so its connection is silent.
    let cluster = site.cluster(1).await?;
    let node = &cluster.addresses()[0];
    let asked = entities(&cluster, "asked").await?;
    let swallower = Swallower::before(node).await?;
    let mut subject = site.subject()?;
    let map = [(node, swallower.at())];
    let first = subject.connect(&[node], &map, (1, FIRST_VIEW)).await?;
    first.ok_or("no view came")?;
    sleep(IDLE).await;
    let accepted = swallower.accepted();
    subject.ask("asks", &[&asked[0]], ASKS).await?;
    sleep(BEFORE).await;
    swallower.swallow();
    let then = now();
    sleep(AFTER).await;
    let asks = subject.stop("asks").await?.asks;
    subject.close().await?;
    cluster.stop().await?;

    let later: Vec<_> = asks.into_iter().filter(|ask| ask.0 > then).collect();
    let answered = first_answer(&later, then).map(|at| at - then);
    Ok(vec![
        Figure::limited(
            "connections made in 20 s of idleness, 1 at most",
            accepted.to_string(),
            accepted == 1,
        ),
        Figure::limited(
            "first answer after, 20 s at most",
            seconds_or(answered, "not in 30 s"),
            answered.is_some_and(|after| after <= LIMIT),
        ),
    ])
}
