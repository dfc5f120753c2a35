//! The rules by which findings are read off a survey: one function a kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use casty_proto::NodeAddress;
use casty_proto::message::ClusterState;

use super::finding::{
    Dependent, Difference, Finding, NodeFault, ObservedStatus, Problem, Severity,
};
use super::survey::{Observed, Survey, is_dead, leader};
use crate::contradiction::{CountContradiction, resembles};
use crate::shard::ShardCount;

/// Returns all findings, in no order.
pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    if survey.states().next().is_none() {
        return vec![finding(Severity::Critical, Problem::NobodyAnswers)];
    }
    let mut found = Vec::new();
    unreached(survey, &mut found);
    members(survey, &mut found);
    leaders(survey, &mut found);
    allocations(survey, &mut found);
    owners(survey, &mut found);
    shard_counts(survey, &mut found);
    services(survey, &mut found);
    identities(survey, &mut found);
    found
}

fn finding(severity: Severity, problem: Problem) -> Finding {
    Finding { severity, problem }
}

fn differs(severity: Severity, difference: Difference) -> Finding {
    finding(severity, Problem::ViewsDiffer(difference))
}

/// Returns the finding about something that hangs on a node; `None` if nothing speaks against the
/// node.
fn hangs(survey: &Survey, node: &NodeAddress, what: Dependent) -> Option<Finding> {
    let (fault, node) = (survey.fault(node)?, node.clone());
    let severity = match (&what, fault) {
        // The leader names another owner to whoever asks.
        (Dependent::Shards { .. }, NodeFault::Down) | (Dependent::Service { .. }, _) => {
            Severity::Warning
        }
        (Dependent::Leadership | Dependent::Shards { .. }, _) => Severity::Critical,
    };
    Some(finding(
        severity,
        Problem::HangsOnLostNode { node, fault, what },
    ))
}

/// Members that are called up and cannot be spoken to.
fn unreached(survey: &Survey, found: &mut Vec<Finding>) {
    for (node, observed) in survey.nodes() {
        if let Observed::Unread(reason) = observed {
            let (node, reason) = (node.clone(), Arc::clone(reason));
            found.push(finding(
                Severity::Note,
                Problem::StateUnread { node, reason },
            ));
        }
        let (node, called_up_by) = (node.clone(), survey.calling_up(node));
        if called_up_by.is_empty() {
            continue;
        }
        let problem = match observed {
            Observed::Answered(_) | Observed::Unread(_) => continue,
            Observed::Silent => Problem::DoesNotAnswer { node, called_up_by },
            Observed::Unreached(reason) => Problem::RefusesConnections {
                node,
                called_up_by,
                reason: Arc::clone(reason),
            },
        };
        found.push(finding(Severity::Critical, problem));
    }
}

/// Members that are seen differently, or are neither in nor out.
fn members(survey: &Survey, found: &mut Vec<Finding>) {
    for node in survey.members() {
        let statuses = survey.statuses(node);
        // A node that was started after another had died has never heard of it.
        let forgotten = |it: &ObservedStatus| {
            matches!(
                it,
                ObservedStatus::Absent | ObservedStatus::Down | ObservedStatus::Removed
            )
        };
        for (status, leaving) in [
            (ObservedStatus::Joining, false),
            (ObservedStatus::Leaving, true),
        ] {
            if statuses.contains_key(&status) {
                let node = node.clone();
                found.push(finding(Severity::Warning, Problem::Stuck { node, leaving }));
            }
        }
        if statuses.len() > 1 && !statuses.keys().all(forgotten) {
            let node = node.clone();
            found.push(differs(
                Severity::Warning,
                Difference::Status { node, statuses },
            ));
        }
    }
}

fn leaders(survey: &Survey, found: &mut Vec<Finding>) {
    let mut leaders = BTreeMap::<_, Vec<_>>::new();
    for (viewer, state) in survey.states() {
        let followers = leaders.entry(leader(state).cloned()).or_default();
        followers.push(viewer.clone());
    }
    for leader in leaders.keys().flatten() {
        found.extend(hangs(survey, leader, Dependent::Leadership));
    }
    if leaders.len() > 1 {
        found.push(differs(Severity::Critical, Difference::Leader { leaders }));
    } else if leaders.contains_key(&None) {
        found.push(finding(Severity::Critical, Problem::NoLeader));
    }
}

/// The nodes that some state names as the primary of each shard of each region.
type Owners<'a> = BTreeMap<&'a Arc<str>, BTreeMap<u32, BTreeSet<&'a NodeAddress>>>;

fn owners_of(survey: &Survey) -> Owners<'_> {
    let mut owners = Owners::new();
    for (region, shards) in survey
        .states()
        .flat_map(|(_, state)| &state.shard_allocations)
    {
        let owned = owners.entry(region).or_default();
        for (shard, allocation) in shards {
            let primaries = owned.entry(*shard).or_default();
            primaries.insert(&allocation.primary);
        }
    }
    owners
}

/// Shards that nodes know different owners of.
fn allocations(survey: &Survey, found: &mut Vec<Finding>) {
    let owners = owners_of(survey);
    for (region, shards) in &owners {
        let contested = shards.iter().filter(|(_, primaries)| primaries.len() > 1);
        let shards: Vec<_> = contested.map(|(shard, _)| *shard).collect();
        if !shards.is_empty() {
            let region = Arc::clone(region);
            found.push(differs(
                Severity::Critical,
                Difference::Owners { region, shards },
            ));
        }
    }
    let known: usize = owners.values().map(BTreeMap::len).sum();
    let (mut epochs, mut incomplete) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for (viewer, state) in survey.states() {
        let viewers = epochs.entry(state.allocation_epoch).or_default();
        viewers.push(viewer.clone());
        let named: usize = state.shard_allocations.values().map(BTreeMap::len).sum();
        if named < known {
            incomplete.push(viewer.clone());
        }
    }
    if !incomplete.is_empty() || epochs.len() > 1 {
        let difference = Difference::Allocations { epochs, incomplete };
        found.push(differs(Severity::Warning, difference));
    }
}

/// Shards without an owner, or with one that cannot be relied on.
fn owners(survey: &Survey, found: &mut Vec<Finding>) {
    let leads = |state: &ClusterState| leader(state).is_some_and(|it| survey.fault(it).is_none());
    let has_leader = survey.states().any(|(_, state)| leads(state));
    for (region, owned) in owners_of(survey) {
        let mut lost = BTreeMap::<_, Vec<_>>::new();
        for (shard, primaries) in &owned {
            for primary in primaries {
                lost.entry(*primary).or_default().push(*shard);
            }
        }
        for (node, shards) in lost {
            let region = Arc::clone(region);
            found.extend(hangs(survey, node, Dependent::Shards { region, shards }));
        }
        let shards = gaps(&owned, known_count(survey, region, &owned));
        if !shards.is_empty() {
            let severity = if has_leader {
                Severity::Note
            } else {
                Severity::Critical
            };
            let (region, leader) = (Arc::clone(region), has_leader);
            let problem = Problem::ShardsWithoutOwner {
                region,
                shards,
                leader,
            };
            found.push(finding(severity, problem));
        }
    }
}

/// The most shards of a region that are told to have no owner: a number on the wire may be any.
const GAPS: usize = 10_000;

/// The shards below the highest that nobody owns, as far as the region is known to have them.
fn gaps<T>(owned: &BTreeMap<u32, T>, count: Option<ShardCount>) -> Vec<u32> {
    let highest = owned.keys().next_back().copied().unwrap_or(0);
    let end = count.map_or(highest, |count| highest.min(count.get()));
    let gaps = (0..end).filter(|shard| !owned.contains_key(shard));
    gaps.take(GAPS).collect()
}

/// Returns the shard count that the asker uses, or else the one that the region looks like, if that
/// is smaller than its highest shard.
fn known_count<T>(survey: &Survey, region: &str, owned: &BTreeMap<u32, T>) -> Option<ShardCount> {
    survey.shard_count(region).or_else(|| {
        // The highest is there by definition; the others may be any below it.
        let (highest, _) = owned.last_key_value()?;
        let others = owned.range(..highest).map(|(shard, _)| *shard);
        resembles(others, *highest)
    })
}

/// Regions of which shards are allocated that, by another count, they do not have.
fn shard_counts(survey: &Survey, found: &mut Vec<Finding>) {
    for (region, owned) in owners_of(survey) {
        let shards = owned.keys().copied();
        let (count, resembles) = match survey.shard_count(region) {
            Some(count) => match CountContradiction::among(&shards, count) {
                Some(contradiction) => (Some(count), contradiction.resembles),
                None => continue,
            },
            None => match known_count(survey, region, &owned) {
                Some(resembles) => (None, Some(resembles)),
                None => continue,
            },
        };
        let severity = match resembles {
            None => Severity::Critical,
            Some(_) => Severity::Warning,
        };
        let least = resembles.or(count).map_or(0, ShardCount::get);
        let problem = Problem::ShardCounts {
            region: Arc::clone(region),
            count,
            resembles,
            shards: shards.filter(|shard| *shard >= least).collect(),
        };
        found.push(finding(severity, problem));
    }
}

/// Services that are listed on nodes that cannot be relied on.
fn services(survey: &Survey, found: &mut Vec<Finding>) {
    let mut instances = BTreeMap::<_, BTreeSet<_>>::new();
    for entry in survey.states().flat_map(|(_, state)| &state.registry) {
        let paths = instances.entry((&entry.key, &entry.node)).or_default();
        paths.insert(&entry.path);
    }
    for ((key, node), paths) in instances {
        let (key, instances) = (Arc::clone(key), paths.len());
        found.extend(hangs(survey, node, Dependent::Service { key, instances }));
    }
}

/// Addresses and ids that more than one member has. The dead keep theirs.
fn identities(survey: &Survey, found: &mut Vec<Finding>) {
    let mut ids = BTreeMap::<_, BTreeSet<_>>::new();
    let mut addresses = BTreeMap::<_, BTreeSet<_>>::new();
    let members = survey.states().flat_map(|(_, state)| &state.members);
    for member in members.filter(|member| !is_dead(member.status)) {
        ids.entry(&member.address).or_default().insert(&member.id);
        addresses
            .entry(&member.id)
            .or_default()
            .insert(&member.address);
    }
    for (node, ids) in ids.into_iter().filter(|(_, ids)| ids.len() > 1) {
        let (node, ids) = (node.clone(), ids.into_iter().cloned().collect());
        found.push(finding(
            Severity::Critical,
            Problem::AddressTwice { node, ids },
        ));
    }
    for (id, nodes) in addresses.into_iter().filter(|(_, nodes)| nodes.len() > 1) {
        let (id, nodes) = (Arc::clone(id), nodes.into_iter().cloned().collect());
        found.push(finding(Severity::Warning, Problem::IdTwice { id, nodes }));
    }
}
