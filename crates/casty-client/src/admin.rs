//! The administration of a cluster through a client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::NodeAddress;
use casty_routing::diagnosis::{Diagnosis, Survey};

use crate::error::ReadyError;
use crate::send::Core;

mod down;
mod questions;
mod survey;
mod vacated;

pub use down::{DownError, DownReport, NotTold, StillUp};
pub use vacated::{NotVacated, Vacated};

/// The default time in which each node has to be connected and to answer.
///
/// Beyond it, it counts as silent, or as not connected; `Admin::within` sets it.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The time between the two surveys of what may pass by itself: longer than the second in which
/// nodes tell each other of changes.
const SETTLING: Duration = Duration::from_millis(1500);

/// The administration of a cluster: its nodes' states, a diagnosis, and members declared dead.
///
/// Made by [`ClusterClient::admin`](crate::ClusterClient::admin). Its messages are not counted in
/// [`Stats`](crate::Stats): each leaves on a live connection at once, or not at all. Those that
/// await a reply count as pending asks.
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

    /// Sets the time in which each node has to be connected and to answer; all are asked at once.
    /// Default: 1 s.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks every node for its whole state (`GetState`), all at once, and once more, one after the
    /// other, those whose states were too long to be held beside the others'
    /// ([`ask_bytes`](crate::ClientBuilder::ask_bytes)). The survey lists the nodes that answer, those
    /// that do not, and those that cannot be connected. Members that the
    /// client's view calls down or unreachable are asked only if they are connected; one that could
    /// not be connected when last dialled, at most 5 s ago, is not waited for. Takes as long as the
    /// slowest node, at most the time for the first view and that for each node.
    ///
    /// Memory: the states of all nodes, each of which lists all members and all shards.
    ///
    /// # Errors
    /// The client has reached another cluster than it is configured for, or is closed. If no node
    /// can be reached, that is no error but a survey without answers.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed. Answers that come later are counted as late replies.
    pub async fn survey(&self) -> Result<Survey, ReadyError> {
        survey::survey(&self.core, self.timeout).await
    }

    /// Surveys the cluster and returns the problems that it finds. Views of healthy nodes differ
    /// for a second or two while something changes, so such a problem counts only if a second
    /// survey 1.5 s later finds it again.
    ///
    /// # Errors
    /// Those of [`survey`](Self::survey).
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
    /// member itself. It is then down in their views, whatever other nodes claim
    /// ([`confirmed`](DownReport::confirmed)); the leader takes its shards away, if need be with a
    /// reminder ([`vacated`](DownReport::vacated)), and its services are dropped. A process that still
    /// runs has to be started again to take part.
    ///
    /// The client never does this of its own accord: nodes accept it from anybody, and a member
    /// that only this client cannot reach may run and own entities, which would then exist twice.
    /// The message has to reach all nodes at once, because a node that still calls the member up
    /// brings it back everywhere; the report lists the nodes that were not reached.
    ///
    /// # Errors
    /// Nothing was sent: the member answers, no node knows it, or no other node answers.
    ///
    /// # Cancel safety
    /// Either nothing was sent or everything was; only the report is lost.
    pub async fn down(&self, node: &NodeAddress) -> Result<DownReport, DownError> {
        down::down(&self.core, node, self.timeout, false).await
    }

    /// Declares a member dead like [`down`](Self::down), even if it answers. The member is told as
    /// well, and goes on running.
    ///
    /// # Errors
    /// Those of [`down`](Self::down), except for a member that answers.
    ///
    /// # Cancel safety
    /// That of [`down`](Self::down).
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
