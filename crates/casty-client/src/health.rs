//! The health of a client: what it can do now, and why not more.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use casty_proto::message::MemberStatus;
use casty_proto::{Chain, Count, NodeAddress};
use casty_routing::View;
use casty_transport::ConnectError;

use crate::error::ReadyError;
use crate::error::discovery::DiscoveryError;

pub(crate) mod vitals;
pub(crate) mod watching;

/// The most members that a client's health lists one by one.
///
/// Beyond it, members are counted and not listed.
const LISTED: usize = 1_024;

/// The state of a client, as far as its health goes.
///
/// | state | [`is_ready`](Self::is_ready) | [`is_live`](Self::is_live) |
/// |---|---|---|
/// | [`Starting`](Self::Starting), [`Unavailable`](Self::Unavailable) | no | yes |
/// | [`Ready`](Self::Ready), [`Degraded`](Self::Degraded) | yes | yes |
/// | [`Closed`](Self::Closed) | no | no |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthState {
    /// No view of the cluster has come yet. Messages are buffered, within their time.
    Starting,
    /// The view is up to date and names a live leader, and every member that it does not call gone is
    /// reachable and connected.
    Ready,
    /// The view is up to date and some member is connected, but not all that is wanted for
    /// [`Ready`](Self::Ready): messages for some entities wait.
    Degraded,
    /// The view is stale, for no node that could be asked keeps it up to date; or no member that it calls
    /// alive is connected. The client goes on trying.
    Unavailable,
    /// The client is closed, or has ended with its runtime.
    Closed,
}

impl HealthState {
    /// Returns whether messages can be sent to some of the cluster at least: whether traffic should come
    /// to this program. The state is [`Ready`](Self::Ready) or [`Degraded`](Self::Degraded).
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Ready | Self::Degraded)
    }

    /// Returns whether the client runs: `false` if only a new one can help. A cluster that cannot be
    /// reached is no reason to begin this program anew, so all states but [`Closed`](Self::Closed) are live.
    pub fn is_live(self) -> bool {
        self != Self::Closed
    }

    /// Returns the state as one word, for a log or the label of a metric: `starting`, `ready`, `degraded`,
    /// `unavailable` or `closed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Unavailable => "unavailable",
            Self::Closed => "closed",
        }
    }

    /// Returns the state of a client that has this view and is connected to these nodes.
    fn of(view: Option<&View>, is_stale: bool, connected: &BTreeSet<NodeAddress>) -> Self {
        let Some(view) = view else {
            return Self::Starting;
        };
        let is_usable = |node: &NodeAddress| connected.contains(node) && !view.avoids(node);
        let mut remaining = remaining(view);
        if is_stale || !view.live_members().any(|member| is_usable(&member.address)) {
            return Self::Unavailable;
        }
        let has_leader = view.live_leader().is_some();
        if has_leader && remaining.all(|member| is_usable(&member.address)) {
            Self::Ready
        } else {
            Self::Degraded
        }
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Returns the members that are not gone.
fn remaining(view: &View) -> impl Iterator<Item = &casty_proto::message::Member> {
    let members = view.members().iter();
    members.filter(|member| !view.is_gone(&member.address))
}

/// The health of a client at one moment, returned by
/// [`ClusterClient::health`](crate::ClusterClient::health).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Health {
    /// The state.
    pub state: HealthState,
    /// The view of the cluster; `None` before the first.
    pub view: Option<ViewHealth>,
    /// The members of the view that are not gone, up to 1,024: those that are not usable come first, then by
    /// address.
    pub members: Vec<MemberHealth>,
    /// The number of members that are not gone.
    pub members_total: usize,
    /// The number of these that are connected and that the view calls alive.
    pub members_usable: usize,
    /// The addresses that could not be connected when last dialled, up to 64, with the error of each.
    pub failures: Vec<(NodeAddress, ConnectError)>,
    /// The reason for which the [discovery](crate::ClientBuilder::discovery) named no contact point when
    /// last asked.
    pub discovery: Option<DiscoveryError>,
    /// The reason for which the last view that came could not be used; `None` if it could.
    pub refused: Option<ReadyError>,
    /// The messages and asks that wait.
    pub waiting: Waiting,
}

/// The view of the cluster that a client has, as far as its health goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewHealth {
    /// The time since it was last confirmed. Nodes send their view four times a second, but one that is
    /// alone only says anything when asked, every 3 s.
    pub age: Duration,
    /// The node that sends the views, or was asked to.
    pub source: Option<NodeAddress>,
    /// Set if no node that could be asked keeps it up to date.
    pub is_stale: bool,
    /// The leader, unless the view calls it unreachable or gone.
    pub leader: Option<NodeAddress>,
}

/// A member of the view, as far as a client's health goes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemberHealth {
    /// The member's address.
    pub node: NodeAddress,
    /// The status that the view gives it.
    pub status: MemberStatus,
    /// Set if the view does not call it unreachable.
    pub is_reachable: bool,
    /// Set if this client is connected to it.
    pub is_connected: bool,
    /// The error of the last dial, if that failed.
    pub failure: Option<ConnectError>,
}

impl MemberHealth {
    /// Returns whether messages can be sent to it: it is connected, and the view calls it alive.
    pub fn is_usable(&self) -> bool {
        self.is_connected && self.is_reachable
    }
}

/// The messages that wait in a client to be sent, and its asks that wait for a reply. The limits are those of
/// [`Stats::gauges`](crate::Stats::gauges).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// Messages that wait for a route.
    pub buffered: u64,
    /// Their bytes.
    pub buffered_bytes: u64,
    /// Messages in the outboxes of connected nodes.
    pub queued: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Asks that wait for their reply.
    pub asks: u64,
}

impl Health {
    /// Returns whether traffic should come to this program; see [`HealthState::is_ready`].
    pub fn is_ready(&self) -> bool {
        self.state.is_ready()
    }

    /// Returns whether the client runs; see [`HealthState::is_live`].
    pub fn is_live(&self) -> bool {
        self.state.is_live()
    }

    /// Returns whether this differs from another in more than its times, failures and what waits.
    fn differs(&self, other: &Self) -> bool {
        let source = |health: &Self| {
            let view = health.view.as_ref();
            view.map(|view| (view.source.clone(), view.is_stale, view.leader.clone()))
        };
        let counts = |health: &Self| (health.state, health.members_total, health.members_usable);
        counts(self) != counts(other)
            || source(self) != source(other)
            || !self
                .members
                .iter()
                .map(told)
                .eq(other.members.iter().map(told))
    }
}

/// Returns what is news of a member.
fn told(member: &MemberHealth) -> (&NodeAddress, MemberStatus, bool, bool) {
    let MemberHealth {
        node,
        status,
        is_reachable,
        is_connected,
        ..
    } = member;
    (node, *status, *is_reachable, *is_connected)
}

/// Returns the members of a view that are not gone, the ones that are not usable first.
fn members(
    view: &View,
    connected: &BTreeSet<NodeAddress>,
    failures: &[(NodeAddress, ConnectError)],
) -> Vec<MemberHealth> {
    let health = |member: &casty_proto::message::Member| {
        let node = &member.address;
        let failure = failures.iter().find(|(failed, _)| failed == node);
        let is_connected = connected.contains(node);
        MemberHealth {
            node: node.clone(),
            status: member.status,
            is_reachable: !view.avoids(node),
            is_connected,
            failure: failure
                .filter(|_| !is_connected)
                .map(|(_, error)| error.clone()),
        }
    };
    let mut members: Vec<_> = remaining(view).map(health).collect();
    members.sort_by_key(MemberHealth::is_usable);
    members
}

/// One line, for a log: the state, and what explains it.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} of {} usable",
            self.state,
            self.members_usable,
            Count(self.members_total, "member")
        )?;
        match &self.view {
            None => f.write_str(", no view")?,
            Some(view) => {
                let word = if view.is_stale { "stale " } else { "" };
                write!(f, ", {word}view {:.1?} old", view.age)?;
            }
        }
        if let Some((node, error)) = self.failures.first() {
            write!(f, "; {node}: {}", Chain(error))?;
        }
        if let Some(error) = &self.refused {
            write!(f, "; {}", Chain(error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use casty_proto::FrozenSet;
    use casty_proto::message::{Member, TopologySnapshot};

    use super::*;

    fn node(name: &str) -> NodeAddress {
        NodeAddress::new(name, 1)
    }

    /// Returns the view of members with these statuses; the first leads.
    fn view(members: &[(&str, MemberStatus)], unreachable: &[&str]) -> View {
        let member = |(name, status): &(&str, MemberStatus)| Member {
            address: node(name),
            status: *status,
            roles: FrozenSet::default(),
            id: (*name).into(),
        };
        View::from_snapshot(TopologySnapshot {
            members: FrozenSet(members.iter().map(member).collect()),
            leader: members.first().map(|(name, _)| node(name)),
            unreachable: FrozenSet(unreachable.iter().map(|name| node(name)).collect()),
            ..TopologySnapshot::default()
        })
    }

    #[test]
    fn the_state_follows_from_the_view_and_the_connections() {
        use HealthState::{Degraded, Ready, Starting, Unavailable};
        use MemberStatus::{Down, Joining, Up};
        let up = view(&[("a", Up), ("b", Up)], &[]);
        let down = view(&[("a", Up), ("b", Down)], &[]);
        let no_leader = view(&[("b", Down), ("a", Up)], &[]);
        let cut = view(&[("a", Up), ("b", Up)], &["b"]);
        let joining = view(&[("a", Up), ("b", Joining)], &[]);
        let nobody = view(&[], &[]);
        for (view, stale, connected, state) in [
            (None, false, &["a"][..], Starting),
            (None, true, &[], Starting),
            (Some(&up), false, &["a", "b"], Ready),
            (Some(&up), false, &["a", "b", "c"], Ready),
            (Some(&up), false, &["a"], Degraded),
            (Some(&up), false, &["b"], Degraded),
            (Some(&up), false, &["c"], Unavailable),
            (Some(&up), false, &[], Unavailable),
            (Some(&up), true, &["a", "b"], Unavailable),
            (Some(&down), false, &["a"], Ready),
            (Some(&down), false, &["b"], Unavailable),
            (Some(&no_leader), false, &["a"], Degraded),
            (Some(&cut), false, &["a", "b"], Degraded),
            (Some(&cut), false, &["b"], Unavailable),
            (Some(&joining), false, &["a"], Degraded),
            (Some(&nobody), false, &["a"], Unavailable),
        ] {
            let names = connected.iter().map(|name| node(name)).collect();
            let found = HealthState::of(view, stale, &names);
            assert_eq!(found, state, "{view:?} {stale} {connected:?}");
        }
    }

    #[test]
    fn members_that_are_not_usable_come_first_with_the_reason() {
        let view = view(&[("a", MemberStatus::Up), ("b", MemberStatus::Up)], &[]);
        let (to, after) = (node("b"), Duration::from_secs(1));
        let failures = [(node("b"), ConnectError::ConnectTimeout { to, after })];
        let members = members(&view, &[node("a")].into(), &failures);
        let told: Vec<_> = members
            .iter()
            .map(|member| {
                (
                    member.node.host(),
                    member.is_usable(),
                    member.failure.is_some(),
                )
            })
            .collect();
        assert_eq!(told, [("b", false, true), ("a", true, false)]);
    }
}
