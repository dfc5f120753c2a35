//! The only contact, which sends the views, is killed in a cluster of two, which recovers by itself.

use std::time::Duration;

use tokio::time::sleep;

use super::figure::{Figure, seconds_or};
use super::order::now;
use super::owner_killed::{answered_of, first_answer};
use super::site::{Site, entities};
use crate::error::Failure;

const AFTER: Duration = Duration::from_secs(8);
/// Until the next view.
const LIMIT: f64 = 2.0;
/// For an answer of an entity whose node is alive. Thousands of times what it takes on a quiet
/// machine, and a fifth of what an ask may take.
const AT_ONCE: f64 = 1.0;
/// The seconds after the kill in which asks are looked at: until the cluster has recovered.
const FAILOVER: f64 = 3.0;

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let mut cluster = site.cluster(2).await?;
    let (survivor, victim) = (cluster.leader(), cluster.follower());
    let asked = entities(&cluster, "asked").await?;
    let mut subject = site.subject()?;
    subject.join(&[&cluster.addresses()[victim]]).await?;
    let rhythm = (Duration::from_millis(20), Duration::from_secs(5));
    subject.ask("live", &[&asked[survivor]], rhythm).await?;
    subject.ask("dead", &[&asked[victim]], rhythm).await?;
    sleep(Duration::from_secs(1)).await;
    cluster.kill(victim).await?;
    let dead = now();
    sleep(AFTER).await;
    let live = subject.stop("live").await?.asks;
    let orphans = subject.stop("dead").await?.asks;
    let views = subject.views().await?;
    subject.close().await?;
    cluster.stop().await?;

    let view = views
        .iter()
        .find(|view| view.at > dead)
        .map(|view| view.at - dead);
    let during = dead..dead + FAILOVER;
    let during: Vec<_> = live
        .into_iter()
        .filter(|ask| during.contains(&ask.0))
        .collect();
    let at_once = during
        .iter()
        .all(|ask| ask.1.is_some_and(|took| took <= AT_ONCE));
    let moved = first_answer(&orphans, dead).map(|at| at - dead);
    Ok(vec![
        Figure::limited(
            "next view after the kill, 2 s at most",
            seconds_or(view, "none in 8 s"),
            view.is_some_and(|after| after <= LIMIT),
        ),
        Figure::limited(
            "asks of the other node's entity in 3 s after the kill, all within 1 s",
            answered_of(&during, dead),
            at_once,
        ),
        Figure::limited(
            "the killed node's entity answers again after",
            seconds_or(moved, "not in 8 s"),
            moved.is_some(),
        ),
    ])
}
