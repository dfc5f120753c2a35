//! The owner of shards is killed and another process takes its place at once.

use std::time::Duration;

use tokio::time::sleep;

use super::figure::{Figure, seconds, seconds_or};
use super::load::{Outcome, begin, conclude};
use super::order::now;
use super::owner_killed::first_answer;
use super::site::{Site, entities};
use crate::error::Failure;

/// The time for which nothing listens at the node's address.
const GONE: Duration = Duration::from_millis(300);
const BEFORE: Duration = Duration::from_secs(2);
/// Longer than the 5 s for which casty avoids a node that refused a connection.
const AFTER: Duration = Duration::from_secs(6);
/// Between tells: 800 a second.
pub(super) const EVERY: Duration = Duration::from_micros(1250);

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let mut cluster = site.cluster(2).await?;
    let victim = cluster.follower();
    let asked = entities(&cluster, "asked").await?;
    let told = entities(&cluster, "told").await?;
    let standby = cluster.standby(victim).await?;
    let mut subject = site.subject()?;
    let contacts: Vec<_> = cluster.addresses().iter().collect();
    subject.join(&contacts).await?;
    begin(&mut subject, &asked[victim], (&told[victim], EVERY)).await?;
    sleep(BEFORE).await;
    let killed = now();
    cluster.kill(victim).await?;
    let dead = now();
    sleep(GONE).await;
    cluster.replace(standby).await?;
    let up = now();
    sleep(AFTER).await;
    let Outcome {
        asks,
        tells,
        account,
        ..
    } = conclude(subject, cluster).await?;

    let kept = account.check(account.missing_told_before(&tells, dead));
    let answered = first_answer(&asks, dead).map(|at| at - killed);
    Ok(vec![
        Figure::new("can be dialled again after", seconds(up - killed)),
        Figure::limited(
            "tells at 800/s, none lost unreported",
            account.told(&kept),
            kept.is_ok(),
        ),
        Figure::new("numbers lost were told", account.when(&tells, killed)),
        Figure::new("first answer after the kill", seconds_or(answered, "none")),
    ])
}
