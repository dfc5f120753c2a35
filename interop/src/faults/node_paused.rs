//! A node stands still for 3 s while others are asked: its kernel accepts connections and bytes,
//! and nothing reads them.

use std::fmt;
use std::time::Duration;

use tokio::time::sleep;

use super::order::{Asked, now};
use super::subject::Subject;
use super::{Figure, Site, seconds, whereabouts};
use crate::scenario::Failure;

/// How long each window is, with the node running and paused.
const WINDOW: Duration = Duration::from_secs(3);
/// For the nodes to agree again that it is alive.
const SETTLING: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
/// What the 99th percentile may grow by, if the machine is quiet enough to tell.
const LIMIT: f64 = 1.05;

pub(super) async fn run(site: Site) -> Result<Vec<Figure>, Failure> {
    let cluster = site.cluster(3).await?;
    let (leader, victim) = (cluster.leader(), cluster.follower());
    let mut pair = (site.subject()?, site.control()?);
    let contact = [&cluster.addresses()[leader]];
    pair.0.join(&contact).await?;
    pair.1.join(&contact).await?;
    let (mut running, mut paused) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // When it goes on, the nodes may have given its shards to others, or theirs to it.
        let homes = whereabouts(&cluster).await?;
        let (on_victim, others): (Vec<_>, Vec<_>) =
            homes.iter().partition(|(_, node)| *node == victim);
        let others: Vec<_> = others.iter().map(|(entity, _)| entity.as_str()).collect();
        let Some((told, _)) = on_victim.first().filter(|_| !others.is_empty()) else {
            sleep(SETTLING).await;
            continue;
        };
        running.push(Window::of(&mut pair, &others).await?);
        cluster.hang(victim)?;
        // Casty's client dials for the first of these.
        pair.0
            .tell("tells", told, Duration::from_millis(10))
            .await?;
        let window = Window::of(&mut pair, &others).await;
        cluster.resume(victim)?;
        paused.push(window?);
        pair.0.stop("tells").await?;
        sleep(SETTLING).await;
    }
    pair.0.close().await?;
    pair.1.close().await?;
    cluster.stop().await?;
    if paused.len() * 2 < ROUNDS {
        return Err("the nodes did not agree that the paused one owns shards".into());
    }
    Ok(figures(&running, &paused))
}

fn figures(running: &[Window], paused: &[Window]) -> Vec<Figure> {
    let usual = median(running.iter().map(Window::ratio));
    let change = median(paused.iter().map(Window::ratio)) / usual;
    // The machine is shared: the ratio changes from window to window with no fault, too.
    let noise = running
        .iter()
        .map(|it| it.ratio() / usual)
        .fold(0.0, f64::max);
    vec![
        Figure::new(
            "p99 of asks of the other nodes, node running / paused, medians of windows",
            format!(
                "{} / {}",
                seconds(median(running.iter().map(|it| p99(&it.asks)))),
                seconds(median(paused.iter().map(|it| p99(&it.asks))))
            ),
        ),
        Figure::limited(
            "change of p99 over that of a client without business with the paused node, at the \
             same time; at most 1.05, or the most from one window to another with the node running",
            format!("{change:.2} ({noise:.2})"),
            change <= LIMIT.max(noise),
        ),
        Figure::new(
            "worst of the windows, paused",
            Worst::of(paused.iter().map(|it| &it.asks)).to_string(),
        ),
        Figure::new(
            "the same of the client without business with it",
            Worst::of(paused.iter().map(|it| &it.control)).to_string(),
        ),
    ]
}

/// What two clients measured at the same time, of which the first also sends to the paused node.
struct Window {
    asks: Vec<Asked>,
    control: Vec<Asked>,
}

impl Window {
    async fn of(pair: &mut (Subject, Subject), entities: &[&str]) -> Result<Self, Failure> {
        let both = tokio::join!(asks(&mut pair.0, entities), asks(&mut pair.1, entities));
        Ok(Self {
            asks: both.0?,
            control: both.1?,
        })
    }

    fn ratio(&self) -> f64 {
        p99(&self.asks) / p99(&self.control)
    }
}

/// The worst of several windows.
#[derive(Default)]
struct Worst {
    p99: f64,
    slowest: f64,
    unanswered: usize,
}

impl Worst {
    fn of<'a>(windows: impl Iterator<Item = &'a Vec<Asked>>) -> Self {
        windows.fold(Self::default(), |worst, asks| Self {
            p99: worst.p99.max(p99(asks)),
            slowest: asks
                .iter()
                .filter_map(|ask| ask.1)
                .fold(worst.slowest, f64::max),
            unanswered: worst.unanswered + asks.iter().filter(|ask| ask.1.is_none()).count(),
        })
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p99, slowest) = (seconds(self.p99), seconds(self.slowest));
        write!(
            f,
            "p99 {p99}, slowest {slowest}, {} not answered in the window",
            self.unanswered
        )
    }
}

/// Asks 250 times a second for one window.
async fn asks(subject: &mut Subject, entities: &[&str]) -> Result<Vec<Asked>, Failure> {
    let begun = now();
    let rhythm = (Duration::from_millis(4), Duration::from_secs(5));
    subject.ask("asks", entities, rhythm).await?;
    sleep(WINDOW).await;
    let asks = subject.stop("asks").await?.asks;
    // The last have no time to be answered.
    let end = begun + WINDOW.as_secs_f64() - 0.1;
    Ok(asks.into_iter().filter(|ask| ask.0 < end).collect())
}

/// The 99th percentile of the answers' times; those that never came are the slowest.
fn p99(asks: &[Asked]) -> f64 {
    let mut times: Vec<_> = asks
        .iter()
        .map(|ask| ask.1.unwrap_or(f64::INFINITY))
        .collect();
    times.sort_by(f64::total_cmp);
    times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or(f64::INFINITY)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get(sorted.len() / 2)
        .copied()
        .unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ask_without_answer_is_slower_than_all() {
        let mut asks = vec![Asked(0.0, Some(0.001)); 99];
        asks.push(Asked(0.0, None));
        assert!(p99(&asks).is_infinite());
        asks.extend([Asked(0.0, Some(0.001)); 100]);
        assert!((p99(&asks) - 0.001).abs() < f64::EPSILON);
    }
}
