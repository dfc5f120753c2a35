//! The connection to an owner is cut in the middle of a frame; node and proxy stay.

use std::time::Duration;

use tokio::time::sleep;

use super::cutter::Cutter;
use super::figure::{Figure, seconds_or};
use super::load::{Outcome, begin, conclude};
use super::owner_killed::first_answer;
use super::owner_restarted::EVERY;
use super::site::{Site, entities};
use super::subject::FIRST_VIEW;
use crate::error::Failure;

const BEFORE: Duration = Duration::from_secs(2);
/// Longer than the 5 s for which nodes avoid a client that they failed to send to.
const AFTER: Duration = Duration::from_secs(6);
/// Until an ask that was begun after the cut is answered.
const LIMIT: f64 = 1.0;

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let cluster = site.cluster(2).await?;
    let (leader, owner) = (cluster.leader(), cluster.follower());
    let addresses = cluster.addresses();
    let asked = entities(&cluster, "asked").await?;
    let told = entities(&cluster, "told").await?;
    let mut cutter = Cutter::before(&addresses[owner]).await?;
    let mut subject = site.subject()?;
    let map = [(&addresses[owner], cutter.at())];
    let first = subject
        .connect(&[&addresses[leader]], &map, (1, FIRST_VIEW))
        .await?;
    first.ok_or("no view came")?;
    begin(&mut subject, &asked[owner], (&told[owner], EVERY)).await?;
    sleep(BEFORE).await;
    let cut = cutter.cut().await?;
    sleep(AFTER).await;
    let Outcome { asks, account, .. } = conclude(subject, cluster).await?;

    let later: Vec<_> = asks.into_iter().filter(|ask| ask.0 > cut.at).collect();
    let answered = first_answer(&later, cut.at).map(|at| at - cut.at);
    // One more may reach the proxy's kernel between its last look and the cut.
    let kept = account.check(cut.swallowed + 1);
    Ok(vec![
        Figure::limited(
            "tells at 800/s, none lost unreported",
            account.told(&kept),
            kept.is_ok(),
        ),
        Figure::limited(
            "first answer after the cut, 1 s at most",
            seconds_or(answered, "not in 6 s"),
            answered.is_some_and(|after| after <= LIMIT),
        ),
    ])
}
