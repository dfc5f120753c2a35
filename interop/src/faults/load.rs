//! Asks of one entity and numbered tells of another of the same node, at the same time.

use std::time::Duration;

use super::account::Account;
use super::order::{Asked, Seen};
use super::subject::Subject;
use crate::cluster::PythonCluster;
use crate::error::Failure;

/// One ask each so long, and how long it may take.
const ASKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// The outcome of a load.
pub(super) struct Outcome {
    pub(super) asks: Vec<Asked>,
    /// The time at which each number was told.
    pub(super) tells: Vec<f64>,
    pub(super) views: Vec<Seen>,
    pub(super) account: Account,
}

/// Begins to ask `asked`, and to tell `told` so often.
pub(super) async fn begin(
    subject: &mut Subject,
    asked: &str,
    (told, every): (&str, Duration),
) -> Result<(), Failure> {
    subject.ask("asks", &[asked], ASKS).await?;
    subject.tell("tells", told, every).await
}

/// Ends load, client and cluster, and looks at what the entity received.
pub(super) async fn conclude(
    mut subject: Subject,
    cluster: PythonCluster,
) -> Result<Outcome, Failure> {
    let asks = subject.stop("asks").await?.asks;
    let tells = subject.stop("tells").await?.tells;
    let views = subject.views().await?;
    let known = subject.close().await?;
    let journal = cluster.settled_journal().await?;
    cluster.stop().await?;
    Ok(Outcome {
        account: Account::new(tells.len(), journal, known.as_ref()),
        asks,
        tells,
        views,
    })
}
