//! The declaration of a member as dead, and its report.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::DownMember;
use casty_proto::{Listed, NodeAddress};
use casty_routing::diagnosis::{Observed, Survey};
use tokio::time::{Instant, sleep};

use super::questions::{ask_state, tell_topology};
use super::survey::{shards_of, survey};
use crate::error::{AskError, Fate, ReadyError};
use crate::send::Core;

/// The least time between two rounds of asking the nodes for their states.
const VIEW_CHECK: Duration = Duration::from_millis(20);

/// The time that nodes have to answer at least, however little of the timeout is left.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// The reason for which a member was not declared dead. Nothing was sent.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DownError {
    /// The member is connected and answers. [`force_down`](crate::Admin::force_down) declares it
    /// dead nevertheless.
    #[error("{node} is alive: it is connected and answers")]
    Alive {
        /// The member.
        node: NodeAddress,
    },
    /// Neither a node that answers nor the client's view lists a member of that address.
    #[error("no node knows a member {node}")]
    UnknownMember {
        /// The address.
        node: NodeAddress,
    },
    /// No other node is connected and answers.
    #[error("no other node is connected and answers")]
    NobodyAnswers,
    /// The client has reached another cluster than it is configured for, or is closed.
    #[error(transparent)]
    Cluster(#[from] ReadyError),
}

/// The reason for which a node may not know that a member was declared dead.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NotTold {
    /// The node is not connected. If it is alive, it brings the dead member back.
    #[error("it is not connected: {0}")]
    NotConnected(Arc<str>),
    /// The node did not answer after the message, or the message could not be sent.
    #[error("it did not answer after the message")]
    Unanswered(#[from] AskError),
}

impl NotTold {
    /// Returns the fate of the message to the node.
    pub fn fate(&self) -> Fate {
        match self {
            Self::NotConnected(_) => Fate::NotSent,
            // The message may be written, and only the ask after it refused.
            Self::Unanswered(AskError::Refused(_)) => Fate::Unknown,
            Self::Unanswered(error) => error.fate(),
        }
    }
}

/// The report of a member declared dead: the nodes that know, and those that may not.
#[derive(Clone)]
pub struct DownReport {
    core: Arc<Core>,
    node: NodeAddress,
    told: Vec<NodeAddress>,
    missed: Vec<(NodeAddress, NotTold)>,
    shards: usize,
    timeout: Duration,
}

/// The error of a member that is not down in every view when the timeout ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("after {after:?}, {node} is {}", Views(.called_up_by, .silent))]
#[non_exhaustive]
pub struct StillUp {
    /// The member.
    pub node: NodeAddress,
    /// The time that was waited.
    pub after: Duration,
    /// The nodes that still call it joining, up or leaving. Empty if only the client's own view
    /// does.
    pub called_up_by: Vec<NodeAddress>,
    /// The nodes that were told, and did not answer since; if no node was, those that may not know.
    pub silent: Vec<NodeAddress>,
}

/// Declares `node` dead; see [`Admin::down`](crate::Admin::down).
pub(super) async fn down(
    core: &Arc<Core>,
    node: &NodeAddress,
    timeout: Duration,
    force: bool,
) -> Result<DownReport, DownError> {
    let survey = survey(core, timeout).await?;
    check(core, node, &survey, force)?;
    let (message, mut pending) = (
        DownMember {
            address: node.clone(),
        },
        Vec::new(),
    );
    // Nothing is awaited before all have it: a node that still calls the member up brings it back.
    // Connections neither begin nor end while this is locked.
    for peer in core.connected.read().values() {
        if force || peer.node != *node {
            let reply = tell_topology(core, peer, &message, timeout);
            pending.push((peer.node.clone(), reply));
        }
    }
    let mut missed = unconnected(core, node, &survey);
    let mut told = Vec::new();
    for (peer, reply) in pending {
        match reply.await {
            // An answer for which there was no room, or that cannot be read, is one.
            Ok(_)
            | Err(
                AskError::ReplyDropped { .. } | AskError::ReplyOverLimit(_) | AskError::Decode(_),
            ) => told.push(peer),
            Err(error) => missed.push((peer, unanswered(error))),
        }
    }
    told.sort();
    missed.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(DownReport {
        core: Arc::clone(core),
        node: node.clone(),
        told,
        missed,
        shards: shards_of(&survey, node).len(),
        timeout,
    })
}

/// Returns the reason for which a node may not know. The protocol's own messages are not tracked:
/// one whose connection was lost may or may not have left, so its fate is unknown.
fn unanswered(error: AskError) -> NotTold {
    NotTold::Unanswered(match error {
        AskError::Lost { node, attempts, .. } => AskError::Lost {
            node,
            fate: Fate::Unknown,
            attempts,
        },
        error => error,
    })
}

/// Checks that `node` is a member, does not answer unless forced, and that another node answers.
fn check(core: &Core, node: &NodeAddress, survey: &Survey, force: bool) -> Result<(), DownError> {
    let answers = survey.states().any(|(it, _)| it == node);
    let node = node.clone();
    if answers && !force {
        return Err(DownError::Alive { node });
    }
    if survey.states().all(|(it, _)| *it == node) {
        return Err(DownError::NobodyAnswers);
    }
    let view = core.view.borrow().clone();
    let known = view.is_some_and(|view| view.member(&node).is_some());
    if !known && !survey.members().contains(&node) {
        return Err(DownError::UnknownMember { node });
    }
    Ok(())
}

/// Returns the other members that a node calls alive and that are not connected.
fn unconnected(core: &Core, node: &NodeAddress, survey: &Survey) -> Vec<(NodeAddress, NotTold)> {
    let connected = core.connected_nodes();
    let members = survey.members().into_iter();
    let missed = members.filter(|it| *it != node && !connected.contains(it));
    let missed = missed.filter(|it| survey.statuses(it).keys().any(|it| it.is_live()));
    let reason = |node| match survey.nodes().find(|(it, _)| *it == node) {
        Some((_, Observed::Unreached(reason))) => Arc::clone(reason),
        _ => "it is not dialled, because the client's view calls it unreachable".into(),
    };
    missed
        .map(|node| (node.clone(), NotTold::NotConnected(reason(node))))
        .collect()
}

impl DownReport {
    /// Returns the member that was declared dead.
    pub fn node(&self) -> &NodeAddress {
        &self.node
    }

    /// Returns the nodes that have answered after the message, so that it is known to have arrived.
    /// Sorted.
    pub fn told(&self) -> &[NodeAddress] {
        &self.told
    }

    /// Returns the nodes that may not know, with the reasons. Sorted.
    pub fn missed(&self) -> &[(NodeAddress, NotTold)] {
        &self.missed
    }

    /// Waits until none of the other nodes that were [told](Self::told), nor the client's own view,
    /// calls the member alive. Asks them every 20 ms, or less often where their answers take longer.
    /// Returns the time that it took.
    ///
    /// # Errors
    /// A view still calls the member alive after `timeout`, give or take 0.1 s: a node that was not
    /// told may have brought it back. Nothing is sent again; that is for the caller to decide.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn confirmed(&self, timeout: Duration) -> Result<Duration, StillUp> {
        let begun = Instant::now();
        loop {
            let looked = Instant::now();
            let (survey, silent) = self.look(begun, timeout).await;
            let statuses = survey.statuses(&self.node).into_iter();
            let up = statuses.filter(|(status, _)| status.is_live());
            let called_up_by: Vec<_> = up.flat_map(|(_, by)| by).collect();
            let view = self.core.view.borrow().clone();
            let seen = view.is_some_and(|view| view.is_live(&self.node));
            let after = begun.elapsed();
            let known = survey.states().next().is_some();
            if known && called_up_by.is_empty() && silent.is_empty() && !seen {
                return Ok(after);
            }
            if after >= timeout || self.core.is_closed() {
                return Err(StillUp {
                    node: self.node.clone(),
                    after,
                    called_up_by,
                    silent,
                });
            }
            pause(looked).await;
        }
    }

    /// Returns the number of shards for which the nodes listed the member, as owner or replica,
    /// before it was declared dead.
    pub fn shards(&self) -> usize {
        self.shards
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Returns the states of the nodes that were told, but the member's own, and those of them that
    /// do not answer. Each has what is left of a wait for `timeout` that began at `begun`.
    pub(super) async fn look(
        &self,
        begun: Instant,
        timeout: Duration,
    ) -> (Survey, Vec<NodeAddress>) {
        let left = || timeout.saturating_sub(begun.elapsed()).max(LAST_LOOK);
        let within = left().min(self.timeout);
        let (mut silent, mut asked) = (Vec::new(), Vec::new());
        // Not the member itself, whose connection ends when it is down.
        for node in self.told.iter().filter(|node| **node != self.node) {
            match self.core.connected.read().get(node) {
                Some(peer) => asked.push((peer.clone(), ask_state(&self.core, peer, within))),
                None => silent.push(node.clone()),
            }
        }
        if asked.is_empty() && silent.is_empty() {
            // Nobody was told, so nobody's view says anything.
            silent.extend(self.missed.iter().map(|(node, _)| node.clone()));
        }
        let mut answers = Vec::new();
        for (peer, reply) in asked {
            answers.push((peer, reply.await));
        }
        let mut survey = Survey::default();
        for (peer, mut answer) in answers {
            if let Err(AskError::ReplyDropped { .. }) = answer {
                // All came at once, and it had no room beside the others: now it has that to itself.
                answer = ask_state(&self.core, &peer, left().min(self.timeout)).await;
            }
            match answer {
                Ok(state) => survey.add(peer.node.clone(), Observed::Answered(Arc::new(state))),
                Err(_) => silent.push(peer.node.clone()),
            }
        }
        silent.sort();
        (survey, silent)
    }
}

impl fmt::Debug for DownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownReport")
            .field("node", &self.node)
            .field("told", &self.told)
            .field("missed", &self.missed)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

/// The nodes whose views still call the member alive, and those that do not answer, as part of a
/// sentence.
struct Views<'a>(&'a [NodeAddress], &'a [NodeAddress]);

impl fmt::Display for Views<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            ([], []) => f.write_str("up in the client's own view"),
            ([], silent) => write!(
                f,
                "down where that is known; no answer from {}",
                names(silent)
            ),
            (up, _) => write!(f, "still up in the views of {}", names(up)),
        }
    }
}

/// Waits before the next look: as long as the last one took, for whole states may be long, and at
/// least 20 ms.
pub(super) async fn pause(looked: Instant) {
    sleep(looked.elapsed().max(VIEW_CHECK)).await;
}

/// Returns the nodes, separated by commas.
pub(super) fn names(nodes: &[NodeAddress]) -> Listed<&[NodeAddress]> {
    Listed(nodes, ", ")
}
