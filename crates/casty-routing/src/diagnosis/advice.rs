//! Findings in words: what is wrong, what it means for messages, and what helps.

use std::collections::BTreeMap;
use std::fmt;

use casty_proto::{Count, Escaped, Listed, NodeAddress};

use super::finding::{Dependent, Difference, NodeFault, Problem};
use crate::shard::{ShardCount, Shards};

/// The remedy against members that are called up again after their death.
const GUARD: &str = "a casty guard keeps the dead from coming back";

impl Problem {
    /// Returns what the problem means for messages, as a clause.
    pub fn meaning(&self) -> &'static str {
        match self {
            Self::NobodyAnswers => "nothing can be sent, or told of the cluster",
            Self::RefusesConnections { .. } => {
                "what is for its shards and actors waits, and is not sent in the end; the leader \
                 may give it more shards"
            }
            Self::DoesNotAnswer { .. } => {
                "what is sent to its shards and actors may never be handled; asks time out"
            }
            Self::StateUnread { .. } => "none: what the node sees is not part of this diagnosis",
            Self::HangsOnLostNode { what, fault, .. } => match what {
                Dependent::Leadership => {
                    "shards without an owner get none, and those of dead nodes no other"
                }
                Dependent::Shards { .. } if *fault == NodeFault::Down => {
                    "clients that trust the view send to a dead node; those that ask the leader \
                     are told another"
                }
                Dependent::Shards { .. } => "what is for entities of these shards is not handled",
                Dependent::Service { .. } => "what is sent to these instances is not handled",
            },
            Self::ViewsDiffer(difference) => match difference {
                Difference::Status { .. } => {
                    "clients that follow different nodes send to different owners"
                }
                Difference::Leader { .. } => {
                    "two coordinators give away the same shards: an entity may live twice, with \
                     a state each"
                }
                Difference::Owners { .. } => {
                    "an entity of these shards may live twice, with a state each"
                }
                Difference::Allocations { .. } => {
                    "clients that follow a node which lacks allocations send to former owners, or \
                     ask for what others know"
                }
            },
            Self::NoLeader | Self::ShardsWithoutOwner { leader: false, .. } => {
                "what is for a shard without an owner waits, and is not sent in the end"
            }
            Self::ShardsWithoutOwner { leader: true, .. } => {
                "none: the leader gives each an owner when it is first asked for"
            }
            Self::ShardCounts { .. } => {
                "programs of different counts send to different owners: an entity may live twice, \
                 with a state each"
            }
            Self::AddressTwice { .. } => {
                "nodes take two processes for one; messages may reach either"
            }
            Self::IdTwice { .. } => "none: nodes are told apart by their address",
            Self::Stuck { leaving: false, .. } => "it gets no shards before it is up",
            Self::Stuck { leaving: true, .. } => "its shards stay where they are until it is down",
        }
    }

    /// Returns what helps, as an instruction to an operator.
    pub fn remedy(&self) -> String {
        match self {
            Self::NobodyAnswers => {
                "start nodes; check addresses, transport and serializer".to_owned()
            }
            Self::RefusesConnections { node, .. } => {
                format!("{}; {GUARD}", NodeFault::Refuses.remedy(node))
            }
            Self::DoesNotAnswer { node, .. } => NodeFault::Silent.remedy(node),
            Self::StateUnread { .. } => {
                "raise the limit that the reason names in the client's settings".to_owned()
            }
            Self::HangsOnLostNode {
                node,
                fault: NodeFault::Down,
                what: Dependent::Shards { .. },
            } => format!("casty down {node}: it has the leader take them away"),
            Self::HangsOnLostNode { node, fault, .. } => fault.remedy(node),
            Self::ViewsDiffer(Difference::Status { node, .. }) => {
                format!(
                    "casty down {node}, if its process is dead, and {GUARD}; else see what parts the nodes"
                )
            }
            Self::ViewsDiffer(Difference::Leader { .. }) => {
                "see what parts the nodes; restart those that follow a node which should not lead"
                    .to_owned()
            }
            Self::ViewsDiffer(Difference::Owners { .. }) => {
                "see what parts the nodes; restart those whose allocations are not the leader's"
                    .to_owned()
            }
            Self::ViewsDiffer(Difference::Allocations { epochs, incomplete }) => {
                behind(epochs, incomplete)
            }
            Self::NoLeader => "start a node; see why those that join do not come up".to_owned(),
            Self::ShardsWithoutOwner { leader: true, .. } => "none needed".to_owned(),
            Self::ShardsWithoutOwner { leader: false, .. } => {
                "give the cluster a leader that lives".to_owned()
            }
            Self::ShardCounts { region, .. } => format!(
                "find the program whose shard count for {:?} is not the nodes' num_shards, and \
                 correct it; these shards stay allocated until the leader is restarted with all \
                 other nodes down",
                Escaped::new(region)
            ),
            Self::AddressTwice { node, .. } => format!("end all processes at {node} but one"),
            Self::IdTwice { .. } => "start all but one of them again under another id".to_owned(),
            Self::Stuck { node, .. } => format!(
                "casty down what cannot be connected, since all must agree; else restart {node}"
            ),
        }
    }
}

impl NodeFault {
    fn remedy(self, node: &NodeAddress) -> String {
        match self {
            Self::Refuses => format!("casty down {node}, if its process is dead"),
            Self::Silent => format!("end the process at {node}; then casty down {node}"),
            Self::Unreachable => {
                format!("casty down {node}, unless the nodes soon call it down by themselves")
            }
            Self::Down | Self::NoMember => {
                "wait a few seconds; then restart the nodes that still list it, the leader first"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyAnswers => f.write_str("no node answers"),
            Self::RefusesConnections {
                node,
                called_up_by,
                reason,
            } => {
                let (by, reason) = (listed(called_up_by), Escaped::new(reason));
                write!(f, "{node} is up to {by} and cannot be connected: {reason}")
            }
            Self::StateUnread { node, reason } => {
                let reason = Escaped::new(reason);
                write!(f, "{node} answers, and its state cannot be taken: {reason}")
            }
            Self::DoesNotAnswer { node, called_up_by } => {
                let by = listed(called_up_by);
                write!(f, "{node} is up to {by} and does not answer")
            }
            Self::HangsOnLostNode { node, fault, what } => write!(f, "{node} {what} and {fault}"),
            Self::ViewsDiffer(difference) => difference.fmt(f),
            Self::NoLeader => f.write_str("there is no leader: no member is up"),
            Self::ShardsWithoutOwner { region, shards, .. } => {
                write!(f, "nobody owns {}", of(shards, region))
            }
            Self::ShardCounts {
                region,
                count,
                resembles,
                shards,
            } => write_counts(f, region, *count, *resembles, shards),
            Self::AddressTwice { node, ids } => {
                let ids = Listed(ids.iter().map(Escaped::new), ", ");
                write!(f, "{node} is listed under the ids {ids}")
            }
            Self::IdTwice { id, nodes } => {
                let id = Escaped::new(id);
                write!(f, "the id {id:?} is that of {}", listed(nodes))
            }
            Self::Stuck { node, leaving } => {
                let what = if *leaving { "leaving" } else { "joining" };
                write!(f, "{node} is {what}, and stays so")
            }
        }
    }
}

impl fmt::Display for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leadership => f.write_str("leads the cluster"),
            Self::Shards { region, shards } => write!(f, "owns {}", of(shards, region)),
            Self::Service { key, instances } => {
                let (instances, key) = (Count(*instances, "instance"), Escaped::new(key));
                write!(f, "is listed for {instances} of service {key:?}")
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { node, statuses } => write!(f, "{node} is {}", each(statuses, "to")),
            Self::Leader { leaders } => {
                let said = leaders.iter().map(|(leader, by)| match leader {
                    Some(leader) => format!("{leader} to {}", listed(by)),
                    None => format!("nobody to {}", listed(by)),
                });
                write!(f, "the leader is {}", Listed(said, "; "))
            }
            Self::Owners { region, shards } => {
                write!(f, "nodes name different owners of {}", of(shards, region))
            }
            Self::Allocations { epochs, .. } if epochs.len() > 1 => {
                write!(f, "allocations differ, of epoch {}", each(epochs, "at"))
            }
            Self::Allocations { epochs, incomplete } => {
                let epoch = epochs.keys().next().copied().unwrap_or_default();
                let lack = if incomplete.len() == 1 {
                    "lacks"
                } else {
                    "lack"
                };
                let incomplete = listed(incomplete);
                write!(
                    f,
                    "allocations of epoch {epoch} differ: {incomplete} {lack} some that others have"
                )
            }
        }
    }
}

fn listed<T: fmt::Display>(items: &[T]) -> Listed<&[T]> {
    Listed(items, ", ")
}

fn each(said: &BTreeMap<impl fmt::Display, Vec<NodeAddress>>, preposition: &str) -> String {
    let said = said
        .iter()
        .map(|(what, by)| format!("{what} {preposition} {}", listed(by)));
    Listed(said, "; ").to_string()
}

/// Returns what helps nodes whose allocations differ. Each takes those of a higher epoch than its
/// own, and keeps its own against those of the same.
fn behind(epochs: &BTreeMap<u64, Vec<NodeAddress>>, incomplete: &[NodeAddress]) -> String {
    let mut older: Vec<_> = epochs.values().collect();
    let newest = older.pop().map_or(0, Vec::len);
    if !older.is_empty() {
        let older: Vec<_> = older.into_iter().flatten().collect();
        return format!(
            "see what parts the nodes; restart what stays behind: {}",
            listed(&older)
        );
    }
    let next = "the next allocation of a shard gives all nodes the leader's";
    if incomplete.len() < newest {
        format!("{next}; if there is none, restart {}", listed(incomplete))
    } else {
        format!("{next}; if there is none, restart all but the leader")
    }
}

/// Writes what shows that programs use different shard counts for a region.
fn write_counts(
    f: &mut fmt::Formatter<'_>,
    region: &str,
    count: Option<ShardCount>,
    resembles: Option<ShardCount>,
    shards: &[u32],
) -> fmt::Result {
    let be = if shards.len() == 1 { "is" } else { "are" };
    let name = Escaped::new(region);
    let odd = of(shards, region);
    match (count, resembles) {
        (Some(count), None) => {
            return write!(
                f,
                "{odd} {be} allocated; by the count used here it has {count}"
            );
        }
        (None, None) => return write!(f, "{odd} {be} allocated"),
        (Some(count), Some(fewer)) => {
            write!(
                f,
                "{name:?} looks like a region of {}, not {count}",
                Shards(fewer)
            )?;
        }
        (None, Some(fewer)) => write!(f, "{name:?} looks like a region of {}", Shards(fewer))?,
    }
    if shards.is_empty() {
        return f.write_str(", of which no other is allocated");
    }
    write!(f, ", and {odd} {be} allocated, too")
}

/// Describes shards of a region, in words that stay short.
fn of(shards: &[u32], region: &str) -> String {
    let named = listed(shards);
    let (count, region) = (Count(shards.len(), "shard"), Escaped::new(region));
    format!("{count} of {region:?} ({named})")
}
