//! A node stands still for 3 s while others are asked: its kernel accepts connections and bytes,
//! and nothing reads them.

use std::fmt;
use std::time::Duration;

use tokio::time::sleep;

use super::figure::{Figure, seconds};
use super::order::{Asked, now};
use super::site::{Site, whereabouts};
use super::subject::Subject;
use crate::error::Failure;

/// The duration of each window, with the node running and paused.
const WINDOW: Duration = Duration::from_secs(3);
/// For the nodes to agree again that it is alive.
const SETTLING: Duration = Duration::from_secs(2);
const ROUNDS: usize = 6;
/// Between two asks of a client.
const EVERY: Duration = Duration::from_millis(2);
/// So many make a block.
const BLOCK: usize = 100;
/// The number of times that blocks are drawn by lot.
const DRAWS: usize = 400;
/// The factor by which the 99th percentile may grow, as far as the machine is quiet enough to tell.
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
    let usual = |windows: &[Window]| seconds(p99(windows.iter().flat_map(|it| &it.asks)));
    let (change, [least, most]) = change(running, paused);
    vec![
        Figure::new(
            "p99 of asks of the other nodes, node running / paused",
            format!("{} / {}", usual(running), usual(paused)),
        ),
        Figure::limited(
            "change of p99 over that of a client without business with the paused node, at the \
             same time (with 95 % confidence from, to); not shown to be over 1.05",
            format!("{change:.2} ({least:.2}, {most:.2})"),
            least <= LIMIT,
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

/// The measurements of two clients at the same time, of which the first also sends to the paused
/// node.
struct Window {
    asks: Vec<Asked>,
    control: Vec<Asked>,
}

/// The asks of both in a fifth of a second, about as long as a mood of the machine lasts.
type Block<'a> = (&'a [Asked], &'a [Asked]);

impl Window {
    async fn of(pair: &mut (Subject, Subject), entities: &[&str]) -> Result<Self, Failure> {
        let both = tokio::join!(asks(&mut pair.0, entities), asks(&mut pair.1, entities));
        Ok(Self {
            asks: both.0?,
            control: both.1?,
        })
    }

    fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.asks.chunks(BLOCK).zip(self.control.chunks(BLOCK))
    }
}

/// Returns the factor by which the pause changes the ratio of both clients' p99, and the interval
/// of 95 % confidence: the same of blocks drawn by lot, again and again.
fn change(running: &[Window], paused: &[Window]) -> (f64, [f64; 2]) {
    let [running, paused] = [running, paused]
        .map(|windows| -> Vec<Block<'_>> { windows.iter().flat_map(Window::blocks).collect() });
    let mut lots = fastrand::Rng::with_seed(1);
    let mut drawn: Vec<_> = (0..DRAWS)
        .map(|_| {
            let mut draw = |blocks: &[Block<'_>]| ratio(blocks.iter().map(|_| lots.choice(blocks)));
            draw(&paused) / draw(&running)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let at = |share: usize| drawn.get(DRAWS * share / 1_000).copied();
    let bounds = [25, 975].map(|share| at(share).unwrap_or(f64::INFINITY));
    let all = |blocks: &[Block<'_>]| ratio(blocks.iter().map(Some));
    (all(&paused) / all(&running), bounds)
}

/// Returns the first client's p99 by the second's.
fn ratio<'a>(blocks: impl Iterator<Item = Option<&'a Block<'a>>>) -> f64 {
    let blocks: Vec<_> = blocks.flatten().collect();
    let of = |which: fn(&Block<'a>) -> &'a [Asked]| p99(blocks.iter().flat_map(|it| which(it)));
    of(|block| block.0) / of(|block| block.1)
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

/// Asks 500 times a second for one window.
async fn asks(subject: &mut Subject, entities: &[&str]) -> Result<Vec<Asked>, Failure> {
    let begun = now();
    let rhythm = (EVERY, Duration::from_secs(5));
    subject.ask("asks", entities, rhythm).await?;
    sleep(WINDOW).await;
    let asks = subject.stop("asks").await?.asks;
    // The last have no time to be answered.
    let end = begun + WINDOW.as_secs_f64() - 0.1;
    Ok(asks.into_iter().filter(|ask| ask.0 < end).collect())
}

/// Returns the 99th percentile of the answers' times; those that never came are the slowest.
fn p99<'a>(asks: impl IntoIterator<Item = &'a Asked>) -> f64 {
    let mut times: Vec<_> = asks
        .into_iter()
        .map(|ask| ask.1.unwrap_or(f64::INFINITY))
        .collect();
    times.sort_by(f64::total_cmp);
    times
        .get(times.len() * 99 / 100)
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

    /// Returns a window in which `slow` of a hundred asks of each block take as long.
    fn window(slow: usize, seconds: f64) -> Window {
        let block = |slow, seconds| {
            (0..BLOCK).map(move |ask| Asked(0.0, Some(if ask < slow { seconds } else { 0.001 })))
        };
        Window {
            asks: (0..7).flat_map(|_| block(slow, seconds)).collect(),
            control: (0..7).flat_map(|_| block(5, 0.002)).collect(),
        }
    }

    #[test]
    fn a_p99_that_grows_more_than_the_controls_is_shown_and_one_that_does_not_is_not() {
        let running: Vec<_> = (0..6).map(|_| window(5, 0.002)).collect();
        for (slow, seconds, expected) in [(5, 0.002, 1.0), (5, 0.004, 2.0), (0, 0.004, 0.5)] {
            let paused: Vec<_> = (0..6).map(|_| window(slow, seconds)).collect();
            let (change, [least, most]) = change(&running, &paused);
            assert!((change - expected).abs() < 1e-9, "{change}");
            assert!(least <= change && change <= most, "{least} {most}");
            assert_eq!(least > LIMIT, expected > LIMIT, "{slow} {seconds}");
        }
        let mut paused = vec![window(5, 0.002)];
        paused[0].asks[..50].fill(Asked(0.0, None));
        assert!(change(&running, &paused).0.is_infinite());
    }
}
