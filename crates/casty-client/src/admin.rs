//! Administration: what a person or a tool does to a cluster through a client of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::NodeAddress;
use casty_routing::diagnosis::{Diagnosis, Survey};

use crate::error::ReadyError;
use crate::send::Core;

mod down;
mod survey;

pub use down::{DownError, DownReport, NotTold, StillUp};

/// How long each node may take to be connected and to answer, unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Between the two looks at what may pass by itself: longer than nodes take to tell each other,
/// which they do every second.
const SETTLING: Duration = Duration::from_millis(1500);

/// Asks every node of a cluster what it believes, tells what is wrong, and declares members dead.
///
/// Made by [`ClusterClient::admin`](crate::ClusterClient::admin). What it sends is none of the
/// messages that [`Stats`](crate::Stats) accounts for: it leaves on a live connection at once, or
/// not at all. Questions count as asks while they wait.
#[derive(Clone)]
pub struct Admin {
    core: Arc<Core>,
    timeout: Duration,
}

impl Admin {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::clone(core),
            timeout: TIMEOUT,
        }
    }

    /// Sets how long each node may take to be connected and to answer; all are asked at once.
    /// Default: 1 s.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks every node for its whole state (`GetState`), all at once. Those that answer, those that
    /// do not, and those that cannot be connected are told apart; members that the client's view
    /// calls down or unreachable are asked only if they are connected. One that could not be
    /// connected when last dialled, at most 5 s ago, is not waited for. Takes as long as the
    /// slowest node, at most the time for the first view and that for each node.
    ///
    /// Memory: the states of all nodes, each of which lists all members and all shards.
    ///
    /// # Errors
    /// What was reached is not the cluster that the client is configured for, or the client is
    /// closed. That nothing could be reached is no error but a survey in which nobody answers.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed. Answers that come later are counted as late replies.
    pub async fn survey(&self) -> Result<Survey, ReadyError> {
        survey::survey(&self.core, self.timeout).await
    }

    /// Tells what is wrong with the cluster. Views of healthy nodes differ for a second or two
    /// while something changes, so where that is found, a second survey 1.5 s later has to find it
    /// again.
    ///
    /// # Errors
    /// As those of [`survey`](Self::survey).
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn diagnose(&self) -> Result<Diagnosis, ReadyError> {
        let diagnosis = Diagnosis::of(&self.survey().await?);
        if !diagnosis.may_pass() {
            return Ok(diagnosis);
        }
        tokio::time::sleep(SETTLING).await;
        Ok(diagnosis.lasting(Diagnosis::of(&self.survey().await?)))
    }

    /// Declares a member dead: sends `DownMember` to every connected node at once, but to the
    /// member itself. It is then down in their views, whoever claims otherwise, the leader gives
    /// its shards away, and its services are dropped. What the nodes know of it is lost to them:
    /// a process that lives all the same has to be started again to take part.
    ///
    /// Never done by the client of its own accord: nodes take anybody's word, and a member that is
    /// only cut off from here may live and own entities, which would then live twice. It has to
    /// reach all nodes at once, because one that still calls the member up brings it back
    /// everywhere; the report tells which were not reached.
    ///
    /// # Errors
    /// Nothing was sent: the member answers, no node knows it, or no node is there to be told.
    ///
    /// # Cancel safety
    /// Either nothing was sent or everything was; only the report is lost.
    pub async fn down(&self, node: &NodeAddress) -> Result<DownReport, DownError> {
        down::down(&self.core, node, self.timeout, false).await
    }

    /// The same, also of a member that answers: it is told as well, and goes on running.
    ///
    /// # Errors
    /// As those of [`down`](Self::down), but for the member that answers.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn force_down(&self, node: &NodeAddress) -> Result<DownReport, DownError> {
        down::down(&self.core, node, self.timeout, true).await
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
