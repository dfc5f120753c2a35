//! The shards of a member that was declared dead: whether they were taken away, and the reminder of a
//! leader that has not noticed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::{ClusterState, UpdateRegistry};
use casty_proto::{Escaped, Listed, NodeAddress};
use casty_routing::ShardId;
use casty_routing::diagnosis::{Survey, leader};
use tokio::time::Instant;

use super::down::{DownReport, names, pause};
use super::questions::{ask_owner, tell_topology};
use super::survey::{listed, shards_of};
use crate::node::peer::Peer;

/// The time that a leader has before it is reminded, and between two reminders.
const REMIND_AFTER: Duration = Duration::from_millis(500);

/// The time for the answer to a reminder, which is not needed: the next look shows what it did.
const REMINDER: Duration = Duration::from_secs(1);

/// The time for the answer of one coordinator, before the next one is asked.
const ANSWER: Duration = Duration::from_millis(250);

/// The outcome of a wait until a dead member's shards were taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vacated {
    /// The time that it took.
    pub after: Duration,
    /// The leaders that had to be reminded. Sorted; empty where the member's death was enough.
    pub reminded: Vec<NodeAddress>,
}

/// The error of a member that a view still lists for shards, or may, when the timeout ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("after {after:?}, {}", Left(self))]
#[non_exhaustive]
pub struct NotVacated {
    /// The member.
    pub node: NodeAddress,
    /// The time that was waited.
    pub after: Duration,
    /// The shards for which it is listed as owner or replica, by region.
    pub shards: BTreeMap<Arc<str>, Vec<ShardId>>,
    /// The nodes whose views list it. Sorted.
    pub listed_by: Vec<NodeAddress>,
    /// The nodes that were told, and did not answer since; if no node was, those that may not know.
    pub silent: Vec<NodeAddress>,
    /// The leaders that were reminded in vain. Sorted.
    pub reminded: Vec<NodeAddress>,
}

impl DownReport {
    /// Waits until no view of the other nodes that were [told](Self::told) lists the member for a
    /// shard, as owner or replica. Asks them every 20 ms, or less often where their answers take
    /// longer. A leader that lists it still 0.5 s after this began is reminded, and again at once
    /// where that took some shards away, else 0.5 s later: told an empty addition to its registry,
    /// which has it look at its view again, and from the second time on asked for a shard of each region,
    /// one after the other and for another shard each time. Both are needed with nodes of casty 0.21: one that becomes the leader because the
    /// member died takes nothing from it before the next change, which a node that is alone never
    /// sees; and of several regions that change at once its view takes but one.
    ///
    /// A shard that was taken away has another owner, or gets one when it is next asked for.
    ///
    /// # Errors
    /// A view still lists the member after `timeout`, give or take 0.1 s, or a node that was told
    /// does not answer.
    ///
    /// # Cancel safety
    /// Safe: a reminder repeats what the nodes know already.
    pub async fn vacated(&self, timeout: Duration) -> Result<Vacated, NotVacated> {
        let (begun, node) = (Instant::now(), self.node());
        let (mut reminded, mut remind_at, mut before) = (BTreeMap::new(), REMIND_AFTER, 0);
        loop {
            let looked = Instant::now();
            let (survey, silent) = self.look(begun, timeout).await;
            let left = shards_of(&survey, node);
            let after = begun.elapsed();
            let known = survey.states().next().is_some();
            if known && left.is_empty() && silent.is_empty() {
                let reminded = reminded.into_keys().collect();
                return Ok(Vacated { after, reminded });
            }
            if after >= timeout || self.core().is_closed() {
                let mut shards = BTreeMap::<_, Vec<_>>::new();
                for (region, shard) in left {
                    shards.entry(region).or_default().push(shard);
                }
                let lists = |(_, state): &(_, &ClusterState)| listed(state, node).next().is_some();
                let listed_by = survey.states().filter(lists);
                return Err(NotVacated {
                    node: node.clone(),
                    after,
                    shards,
                    listed_by: listed_by.map(|(viewer, _)| viewer.clone()).collect(),
                    silent,
                    reminded: reminded.into_keys().collect(),
                });
            }
            if after >= remind_at || left.len() < before {
                (remind_at, before) = (after + REMIND_AFTER, left.len());
                let rest = timeout.saturating_sub(begun.elapsed());
                let reminding = remind(self, &survey, &mut reminded);
                tokio::time::timeout(rest, reminding).await.ok();
            }
            pause(looked).await;
        }
    }
}

/// Reminds the leaders that list the member, and counts that.
async fn remind(report: &DownReport, survey: &Survey, reminded: &mut BTreeMap<NodeAddress, usize>) {
    let leaders = survey
        .states()
        .filter(|(node, it)| leader(it) == Some(node));
    for (node, state) in leaders {
        let mut left: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (region, shard) in listed(state, report.node()) {
            left.entry(region).or_default().push(shard);
        }
        let peer = report.core().connected.read().get(node).cloned();
        if let Some(peer) = peer
            && !left.is_empty()
        {
            let times = reminded.entry(node.clone()).or_default();
            tracing::debug!(%node, member = %report.node(), times, "reminded to take shards away");
            remind_leader(report, &peer, &left, *times).await;
            *times += 1;
        }
    }
}

/// Has a leader look at its view again; if it was told so before, so many times, also has its coordinators publish
/// what they make of it.
///
/// One coordinator after the other: of several that publish at once the view takes one, and the others, which
/// count as high, believe that it took theirs. Such a one publishes again when it allocates a shard, and it has
/// allocated those that it was asked for before.
async fn remind_leader(
    report: &DownReport,
    peer: &Arc<Peer>,
    left: &BTreeMap<Arc<str>, Vec<ShardId>>,
    times: usize,
) {
    let core = report.core();
    let update = UpdateRegistry::default();
    // Errors are of no interest: the next look shows what has become of the shards.
    tell_topology(core, peer, &update, REMINDER).await.ok();
    if times == 0 {
        return;
    }
    for (region, shards) in left {
        if let Some(shard) = in_turn(shards, times) {
            ask_owner(core, peer, (region, shard), ANSWER).await.ok();
        }
    }
}

/// Returns another one of these each time.
fn in_turn(shards: &[ShardId], times: usize) -> Option<ShardId> {
    shards
        .get(times.checked_rem(shards.len()).unwrap_or_default())
        .copied()
}

/// The shards that are left and the nodes that do not answer, as part of a sentence.
struct Left<'a>(&'a NotVacated);

impl fmt::Display for Left<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotVacated {
            node,
            shards,
            listed_by,
            silent,
            reminded,
            ..
        } = self.0;
        if shards.is_empty() {
            let silent = names(silent);
            return write!(
                f,
                "{node} owns no shard where that is known; no answer from {silent}"
            );
        }
        let regions = shards
            .iter()
            .map(|(region, shards)| format!("{} ({})", Escaped::new(region), shards.len()));
        let (regions, viewers) = (Listed(regions, ", "), names(listed_by));
        write!(
            f,
            "{node} is still listed for shards of {regions} in the views of {viewers}"
        )?;
        if !reminded.is_empty() {
            write!(f, ", though {} was told to look again", names(reminded))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::StillUp;
    use super::*;

    fn nodes() -> Vec<NodeAddress> {
        (1..=1_000)
            .map(|port| NodeAddress::new("n", port))
            .collect()
    }

    #[test]
    fn a_coordinator_is_asked_for_another_shard_each_time() {
        let shards = [3, 5, 8].map(ShardId::new);
        let asked: Vec<_> = (1..5).filter_map(|times| in_turn(&shards, times)).collect();
        assert_eq!(asked, [5, 8, 3, 5].map(ShardId::new));
        assert_eq!(in_turn(&[], 1), None);
    }

    #[test]
    fn of_many_nodes_and_regions_a_dozen_are_told() {
        let after = Duration::from_secs(1);
        let up = |called_up_by: Vec<_>, silent: Vec<_>| StillUp {
            node: NodeAddress::new("dead", 1),
            after,
            called_up_by,
            silent,
        };
        let region = |number: usize| (Arc::from(format!("r{number:03}")), vec![ShardId::new(1)]);
        let left = |regions: usize| NotVacated {
            node: NodeAddress::new("dead", 1),
            after,
            shards: (0..regions).map(region).collect(),
            listed_by: nodes(),
            silent: nodes(),
            reminded: nodes(),
        };
        for (text, lists) in [
            (up(nodes(), Vec::new()).to_string(), 1),
            (up(Vec::new(), nodes()).to_string(), 1),
            (left(0).to_string(), 1),
            (left(1_000).to_string(), 3),
        ] {
            assert_eq!(text.matches(" and 988 more").count(), lists, "{text}");
            assert!(text.len() < 500, "{}", text.len());
        }
        let few = left(2).to_string();
        let begin = "after 1s, dead:1 is still listed for shards of r000 (1), r001 (1) in the views of n:1, ";
        assert!(few.starts_with(begin), "{few}");
    }
}
