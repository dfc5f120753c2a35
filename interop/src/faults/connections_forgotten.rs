//! A router between client and nodes forgets the connections through it, and drops what comes on
//! them without a word; new ones work.

use std::time::Duration;

use tokio::time::sleep;

use super::figure::{Figure, seconds_or};
use super::order::now;
use super::owner_killed::first_answer;
use super::site::{Site, entities};
use super::subject::Whose;
use crate::error::Failure;
use crate::router::Router;

const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(45);
/// Until an ask that was begun after it is answered.
const LIMIT: f64 = 20.0;
const ASKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let router = match Router::new() {
        Ok(router) => router,
        Err(why) => return Ok(vec![Figure::new("not measured here", why.to_string())]),
    };
    let cluster = site.cluster_behind(&router, 2).await?;
    let (leader, other) = (cluster.leader(), cluster.follower());
    let asked = entities(&cluster, "asked").await?;
    let mut subject = site.subject()?;
    // The views come from the one, so the other's connection is not asked for them.
    subject.join(&[&cluster.addresses()[leader]]).await?;
    subject.ask("leader", &[&asked[leader]], ASKS).await?;
    subject.ask("other", &[&asked[other]], ASKS).await?;
    sleep(BEFORE).await;
    let forgotten = router.forget()?;
    let then = now();
    sleep(AFTER).await;
    let of_leader = subject.stop("leader").await?.asks;
    let of_other = subject.stop("other").await?.asks;
    let views = subject.views().await?;
    if site.whose == Whose::Rust {
        subject.close().await?;
    }
    // Casty's own client would wait for its dead connections for longer than a fault may take.
    drop(subject);
    cluster.stop().await?;
    drop(router);

    if forgotten == 0 {
        return Err("there was no connection".into());
    }
    let view = views.iter().find(|view| view.at > then + 0.5);
    let answers = [of_leader, of_other].map(|asks| {
        let later: Vec<_> = asks.into_iter().filter(|ask| ask.0 > then).collect();
        first_answer(&later, then).map(|at| at - then)
    });
    let figure = |what, after: Option<f64>| {
        let met = after.is_some_and(|after| after <= LIMIT);
        Figure::limited(what, seconds_or(after, "not in 45 s"), met)
    };
    Ok(vec![
        Figure::new("connections forgotten", forgotten.to_string()),
        figure(
            "first answer of the node that sent the views, 20 s at most",
            answers[0],
        ),
        figure("first answer of the other node, 20 s at most", answers[1]),
        figure("next view, 20 s at most", view.map(|view| view.at - then)),
    ])
}
