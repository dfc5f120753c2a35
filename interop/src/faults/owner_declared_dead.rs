//! The owner of shards is killed in a cluster of three. casty 0.21.0 usually calls it up again, and
//! its entities answer nobody until an administrator declares it dead.

use std::time::Duration;

use tokio::time::sleep;

use super::figure::{Figure, seconds_or};
use super::order::now;
use super::owner_killed::first_answer;
use super::site::{Site, entities};
use crate::clients::{close, connect};
use crate::error::Failure;

/// By then the nodes have noticed, and most often forgotten it again.
const STUCK: Duration = Duration::from_secs(4);
const AFTER: Duration = Duration::from_secs(3);
/// The most times that the member is declared dead.
const ATTEMPTS: usize = 5;
/// Between the declaration that lasts and the first answer.
const LIMIT: f64 = 1.0;

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let mut cluster = site.cluster(3).await?;
    let (leader, victim) = (cluster.leader(), cluster.follower());
    let gone = cluster.addresses()[victim].clone();
    let asked = entities(&cluster, "asked").await?;
    let mut subject = site.subject()?;
    subject.join(&[&cluster.addresses()[leader]]).await?;
    let rhythm = (Duration::from_millis(50), Duration::from_secs(5));
    subject.ask("asks", &[&asked[victim]], rhythm).await?;
    sleep(Duration::from_secs(1)).await;
    let administrator = connect(&cluster).await?;
    cluster.kill(victim).await?;
    let dead = now();
    sleep(STUCK).await;
    let mut declared = now();
    let mut attempts = 0;
    while attempts < ATTEMPTS {
        declared = now();
        attempts += 1;
        let report = administrator.admin().down(&gone).await?;
        if report.confirmed(Duration::from_secs(1)).await.is_ok() {
            break;
        }
    }
    sleep(AFTER).await;
    let asks = subject.stop("asks").await?.asks;
    subject.close().await?;
    close(&administrator).await?;
    cluster.stop().await?;

    let stuck = first_answer(&asks, dead).is_none_or(|at| at > declared);
    let answered = first_answer(&asks, declared).map(|at| at - declared);
    Ok(vec![
        Figure::new(
            "the cluster in the 4 s after the kill",
            if stuck {
                "does not recover"
            } else {
                "recovered by itself"
            },
        ),
        Figure::limited(
            "first answer after `down`, 1 s at most",
            format!("{} (told {attempts}x)", seconds_or(answered, "none")),
            answered.is_some_and(|after| after <= LIMIT),
        ),
    ])
}
