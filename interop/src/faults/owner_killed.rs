//! The owner of shards is killed in a cluster of two, which recovers by itself.

use std::time::Duration;

use tokio::time::sleep;

use super::figure::{Figure, seconds, seconds_or};
use super::load::{Outcome, begin, conclude};
use super::order::{Asked, Seen, now};
use super::site::{Site, entities};
use crate::error::Failure;

/// Between tells.
const EVERY: Duration = Duration::from_millis(10);
const BEFORE: Duration = Duration::from_secs(1);
/// The cluster takes up to 3 s to notice.
const AFTER: Duration = Duration::from_secs(6);
/// Between the view that names the new owner and the first answer.
const LIMIT: f64 = 0.5;

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let mut cluster = site.cluster(2).await?;
    let (leader, victim) = (cluster.leader(), cluster.follower());
    let gone = cluster.addresses()[victim].to_string();
    let asked = entities(&cluster, "asked").await?;
    let told = entities(&cluster, "told").await?;
    let mut subject = site.subject()?;
    subject.join(&[&cluster.addresses()[leader]]).await?;
    begin(&mut subject, &asked[victim], (&told[victim], EVERY)).await?;
    sleep(BEFORE).await;
    let killed = now();
    cluster.kill(victim).await?;
    let dead = now();
    sleep(AFTER).await;
    let Outcome {
        asks,
        tells,
        views,
        account,
    } = conclude(subject, cluster).await?;

    let named = views
        .iter()
        .find(|view| view.at > dead && moved(view, &gone));
    let named = named.map(|view| view.at);
    let answered = first_answer(&asks, dead);
    let after = answered
        .zip(named)
        .map(|(answered, named)| (answered - named).max(0.0));
    let kept = account.check(account.missing_told_before(&tells, dead));
    Ok(vec![
        Figure::new(
            "view with the new owner, after the kill",
            seconds_or(named.map(|at| at - killed), "never"),
        ),
        Figure::limited(
            "first answer after that view, 500 ms at most",
            seconds_or(after, "none"),
            after.is_some_and(|after| after <= LIMIT),
        ),
        Figure::new(
            "first answer after the kill",
            seconds_or(answered.map(|at| at - killed), "none"),
        ),
        Figure::limited(
            "tells at 100/s, none lost unreported",
            account.told(&kept),
            kept.is_ok(),
        ),
        Figure::new("asks of its entity answered", answered_of(&asks, dead)),
    ])
}

/// Returns whether the view has given all shards of that node to others.
pub(super) fn moved(view: &Seen, gone: &str) -> bool {
    !view.owned.is_empty() && !view.owned.contains_key(gone)
}

/// Returns the time of the first answer after that point in time.
pub(super) fn first_answer(asks: &[Asked], then: f64) -> Option<f64> {
    let answers = asks.iter().filter_map(Asked::answered);
    answers.filter(|at| *at > then).min_by(f64::total_cmp)
}

/// Tells how many asks were answered, the slowest of them, and how long after that point in time it
/// was asked.
pub(super) fn answered_of(asks: &[Asked], then: f64) -> String {
    let times = asks.iter().filter_map(|ask| Some((ask.1?, ask.0 - then)));
    let slowest = times.max_by(|one, other| one.0.total_cmp(&other.0));
    let (slowest, at) = slowest.unwrap_or_default();
    let answered = asks.iter().filter(|ask| ask.1.is_some()).count();
    let (all, slowest) = (asks.len(), seconds(slowest));
    format!("{answered} of {all}, slowest {slowest}, asked at {at:+.2} s")
}
