//! The connections to a node go on to take what comes, and swallow it, so that no kernel notices; new
//! ones work. Before that, the node is told things for longer than a dead connection is kept, which it
//! does not answer: but it answers probes.

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
const TELLING: Duration = Duration::from_secs(20);
const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(30);
const LIMIT: f64 = 20.0;
const ASKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let cluster = site.cluster(2).await?;
    // The views come from the one, so the other's connection brings nothing unasked.
    let (leader, other) = (cluster.leader(), cluster.follower());
    let (contact, node) = (&cluster.addresses()[leader], &cluster.addresses()[other]);
    let asked = entities(&cluster, "asked").await?;
    let told = entities(&cluster, "told").await?;
    let swallower = Swallower::before(node).await?;
    let mut subject = site.subject()?;
    let map = [(node, swallower.at())];
    let first = subject.connect(&[contact], &map, (1, FIRST_VIEW)).await?;
    first.ok_or("no view came")?;
    let every = Duration::from_secs(1);
    subject.tell("tells", &told[other], every).await?;
    sleep(TELLING).await;
    subject.stop("tells").await?;
    let accepted = swallower.accepted();
    subject.ask("asks", &[&asked[other]], ASKS).await?;
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
            "connections made in 20 s of tells alone, 1 at most",
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
