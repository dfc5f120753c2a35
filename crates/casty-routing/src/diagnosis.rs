//! What is wrong with a cluster, told from what its nodes say and from whether they can be reached.
//!
//! Pure: somebody else asks the nodes and hands the answers over as a [`Survey`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use casty_proto::NodeAddress;
use casty_proto::message::{ClusterState, MemberStatus};

mod advice;
mod finding;
mod rules;

pub use finding::{Dependent, Difference, Finding, NodeFault, ObservedStatus, Problem, Severity};

/// What was learnt of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// It answered with its state.
    Answered(Arc<ClusterState>),
    /// It is connected, and did not answer in time.
    Silent,
    /// It could not be connected; for people, why.
    Unreached(Arc<str>),
}

/// What was learnt of a cluster at one time: of each node that was asked, what came of it. A node
/// that is not listed was not asked, and is judged by what others say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    nodes: BTreeMap<NodeAddress, Observed>,
    /// How each that answered sees each member.
    statuses: BTreeMap<NodeAddress, BTreeMap<NodeAddress, ObservedStatus>>,
}

impl Survey {
    /// Notes what was learnt of a node, in place of what was noted before.
    pub fn add(&mut self, node: NodeAddress, observed: Observed) {
        let statuses = match &observed {
            Observed::Answered(state) => Some(statuses(state)),
            Observed::Silent | Observed::Unreached(_) => None,
        };
        self.statuses.remove(&node);
        self.statuses
            .extend(statuses.map(|statuses| (node.clone(), statuses)));
        self.nodes.insert(node, observed);
    }

    /// What was learnt of each node that was asked.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeAddress, &Observed)> {
        self.nodes.iter()
    }

    /// The states of those that answered.
    pub fn states(&self) -> impl Iterator<Item = (&NodeAddress, &ClusterState)> {
        self.nodes.iter().filter_map(|(node, it)| match it {
            Observed::Answered(state) => Some((node, &**state)),
            Observed::Silent | Observed::Unreached(_) => None,
        })
    }

    /// Every node that is a member to one that answered, dead or alive.
    pub fn members(&self) -> BTreeSet<&NodeAddress> {
        self.statuses.values().flat_map(BTreeMap::keys).collect()
    }

    /// How those that answered see a node, by who does.
    fn seen<'a>(
        &'a self,
        node: &'a NodeAddress,
    ) -> impl Iterator<Item = (&'a NodeAddress, ObservedStatus)> {
        self.statuses.iter().map(move |(viewer, statuses)| {
            let status = statuses.get(node).copied();
            (viewer, status.unwrap_or(ObservedStatus::Absent))
        })
    }

    /// The same, by how they do.
    pub fn statuses(&self, node: &NodeAddress) -> BTreeMap<ObservedStatus, Vec<NodeAddress>> {
        let mut statuses = BTreeMap::<_, Vec<_>>::new();
        for (viewer, status) in self.seen(node) {
            statuses.entry(status).or_default().push(viewer.clone());
        }
        statuses
    }

    /// Those that call a node up, or joining, and not unreachable.
    pub fn calling_up(&self, node: &NodeAddress) -> Vec<NodeAddress> {
        let up = |status| matches!(status, ObservedStatus::Up | ObservedStatus::Joining);
        let viewers = self.seen(node).filter(|(_, status)| up(*status));
        viewers.map(|(viewer, _)| viewer.clone()).collect()
    }

    /// Why messages to a node do not arrive, or soon will not; `None` if nothing speaks against
    /// it. What it says of itself counts only where nobody else says anything.
    pub fn fault(&self, node: &NodeAddress) -> Option<NodeFault> {
        match self.nodes.get(node) {
            Some(Observed::Unreached(_)) => return Some(NodeFault::Refuses),
            Some(Observed::Silent) => return Some(NodeFault::Silent),
            Some(Observed::Answered(_)) | None => {}
        }
        let alone = self.statuses.keys().all(|viewer| viewer == node);
        let seen = self.seen(node);
        let said: BTreeSet<_> = seen
            .filter(|(viewer, _)| alone || *viewer != node)
            .map(|(_, status)| status)
            .collect();
        if said.iter().any(|status| status.is_live()) {
            None
        } else if said.contains(&ObservedStatus::Unreachable) {
            Some(NodeFault::Unreachable)
        } else if said.contains(&ObservedStatus::Down) || said.contains(&ObservedStatus::Removed) {
            Some(NodeFault::Down)
        } else {
            said.first().map(|_| NodeFault::NoMember)
        }
    }
}

/// How a state shows each member. Of several entries for an address the most alive counts; being
/// unreachable outweighs the status of one that is alive.
fn statuses(state: &ClusterState) -> BTreeMap<NodeAddress, ObservedStatus> {
    let unreachable: BTreeSet<_> = state.unreachable.iter().collect();
    let mut statuses = BTreeMap::new();
    for member in &state.members {
        let status = match member.status {
            MemberStatus::Down => ObservedStatus::Down,
            MemberStatus::Removed => ObservedStatus::Removed,
            _ if unreachable.contains(&member.address) => ObservedStatus::Unreachable,
            MemberStatus::Joining => ObservedStatus::Joining,
            MemberStatus::Up => ObservedStatus::Up,
            MemberStatus::Leaving => ObservedStatus::Leaving,
        };
        let kept = statuses.entry(member.address.clone()).or_insert(status);
        *kept = status.min(*kept);
    }
    statuses
}

fn is_dead(status: MemberStatus) -> bool {
    matches!(status, MemberStatus::Down | MemberStatus::Removed)
}

/// The leader as a state has it: the member that is `up` and lowest by host and port, reachable or
/// not.
pub fn leader(state: &ClusterState) -> Option<&NodeAddress> {
    let up = state
        .members
        .iter()
        .filter(|it| it.status == MemberStatus::Up);
    up.map(|member| &member.address).min()
}

/// What is wrong with a cluster, the worst first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    findings: Vec<Finding>,
}

impl Diagnosis {
    /// What a survey tells. Costs time in proportion to nodes times members, allocations and
    /// services.
    pub fn of(survey: &Survey) -> Self {
        let mut findings = rules::findings(survey);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Self { findings }
    }

    /// The findings, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether there is nothing worse than a [`Severity::Note`].
    pub fn is_healthy(&self) -> bool {
        let notes = |finding: &Finding| finding.severity == Severity::Note;
        self.findings.iter().all(notes)
    }

    /// Whether there is anything that [may pass by itself](Problem::may_pass): views of healthy
    /// nodes differ for a second or two.
    pub fn may_pass(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.problem.may_pass())
    }

    /// Of the findings, those that stand `later` still: without what may pass by itself and was
    /// not there before.
    #[must_use]
    pub fn lasting(&self, later: Self) -> Self {
        let before: BTreeSet<_> = self
            .findings
            .iter()
            .map(|it| it.problem.subject())
            .collect();
        let mut findings = later.findings;
        findings.retain(|it| !it.problem.may_pass() || before.contains(&it.problem.subject()));
        Self { findings }
    }
}

#[cfg(test)]
mod tests;
