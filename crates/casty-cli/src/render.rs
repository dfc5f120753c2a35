//! A view of the cluster as it is shown to people and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use casty_client::casty_routing::ShardCount;
use casty_client::{CountContradiction, NodeAddress, View};
use casty_proto::message::MemberStatus;
use casty_proto::{Count, Escaped};
use serde::Serialize;

/// The part of a view that is shown. Two views with equal renderings look the same to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rendering {
    leader: Option<String>,
    members: BTreeMap<String, Member>,
    regions: BTreeMap<String, Region>,
    services: BTreeMap<String, Vec<String>>,
    /// The contradictions to the numbers of shards that the user has configured, by region.
    warnings: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Member {
    id: String,
    status: &'static str,
    unreachable: bool,
    roles: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Region {
    /// Shards allocated.
    allocated: usize,
    /// Shards of each node.
    shards: BTreeMap<String, usize>,
    /// Shards allocated, by their numbers.
    ids: Vec<u32>,
}

impl Rendering {
    /// Returns a view as it is shown to a user who has configured these numbers of shards.
    pub(crate) fn of(view: &View, counts: &BTreeMap<String, u32>) -> Self {
        let members = view.members().iter().map(|member| {
            let node = &member.address;
            let shown = Member {
                id: member.id.to_string(),
                status: status(member.status),
                unreachable: is_unreachable(view, node),
                roles: roles(member),
            };
            (node.to_raw(), shown)
        });
        let regions = view.regions().map(|(name, allocations)| {
            let mut shards = BTreeMap::new();
            for allocation in allocations.values() {
                *shards.entry(allocation.primary.to_raw()).or_default() += 1;
            }
            let region = Region {
                allocated: allocations.len(),
                shards,
                ids: allocations.keys().copied().collect(),
            };
            (name.to_string(), region)
        });
        let services = view.all_services().map(|(key, entries)| {
            let instances = entries
                .iter()
                .map(|entry| entry.node.to_raw() + &entry.path);
            (key.to_string(), instances.collect())
        });
        Self {
            leader: view.leader().map(NodeAddress::to_raw),
            members: members.collect(),
            regions: regions.collect(),
            services: services.collect(),
            warnings: warnings(view, counts).collect(),
        }
    }
}

/// Returns whether a member that is not gone cannot be reached from the node whose view it is.
pub(crate) fn is_unreachable(view: &View, node: &NodeAddress) -> bool {
    view.avoids(node) && !view.is_gone(node)
}

/// Returns the roles of a member, in order.
pub(crate) fn roles(member: &casty_proto::message::Member) -> Vec<String> {
    let mut roles: Vec<_> = member.roles.0.iter().map(ToString::to_string).collect();
    roles.sort();
    roles
}

/// Returns what a view says against the numbers of shards that the user has configured, by region.
pub(crate) fn warnings(
    view: &View,
    counts: &BTreeMap<String, u32>,
) -> impl Iterator<Item = (String, String)> {
    counts.iter().filter_map(|(region, count)| {
        let count = ShardCount::new(*count)?;
        let found = CountContradiction::of(view, region, count)?;
        Some((region.clone(), found.to_string()))
    })
}

/// Returns the word for a status.
pub(crate) fn status(status: MemberStatus) -> &'static str {
    match status {
        MemberStatus::Joining => "joining",
        MemberStatus::Up => "up",
        MemberStatus::Leaving => "leaving",
        MemberStatus::Down => "down",
        MemberStatus::Removed => "removed",
    }
}

impl Rendering {
    /// Returns a line for each member, region and service, in columns that tools can cut.
    pub(crate) fn lines(&self) -> Vec<String> {
        let leader = cell(self.leader.as_deref().unwrap_or("none"));
        let mut lines = vec![format!("leader   {leader}")];
        let members = self.members.iter();
        lines.extend(members.map(|(node, it)| {
            let (node, id) = (cell(node), cell(&it.id));
            format!("member   {node}  {id}  {it}")
        }));
        let regions = self.regions.iter();
        lines.extend(regions.map(|(name, region)| format!("region   {}  {region}", cell(name))));
        let services = self.services.iter();
        lines.extend(services.map(|(key, all)| format!("service  {}  {}", cell(key), cells(all))));
        let warnings = self.warnings.iter();
        lines.extend(warnings.map(|(region, warning)| {
            let region = cell(region);
            format!("warning  {region}  {warning}")
        }));
        lines
    }
}

/// Shows a name as one column, whatever it is.
fn cell(name: &str) -> Escaped<&str> {
    Escaped::whole(name).exact()
}

/// Shows each name as a column.
fn cells(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().map(|name| cell(name).to_string()).collect();
    shown.join("  ")
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status)?;
        if self.unreachable {
            f.write_str(", unreachable")?;
        }
        if !self.roles.is_empty() {
            let role = |role: &String| cell(role).to_string().replace(',', r"\u{2c}");
            let roles: Vec<_> = self.roles.iter().map(role).collect();
            write!(f, "  roles={}", roles.join(","))?;
        }
        Ok(())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} allocated", Count(self.allocated, "shard"))?;
        for (node, count) in &self.shards {
            write!(f, "  {}={count}", cell(node))?;
        }
        write!(f, "  ids={}", Ranges(&self.ids))
    }
}

/// The most ranges of shards that are shown.
const RANGES: usize = 12;

/// Sorted numbers as ranges: `0-23,90`.
struct Ranges<'a>(&'a [u32]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges = self.0.chunk_by(|a, b| a.checked_add(1) == Some(*b));
        for (place, range) in ranges.by_ref().take(RANGES).enumerate() {
            let (Some(first), Some(last)) = (range.first(), range.last()) else {
                continue;
            };
            f.write_str(if place == 0 { "" } else { "," })?;
            write!(f, "{first}")?;
            if first != last {
                write!(f, "-{last}")?;
            }
        }
        f.write_str(if ranges.next().is_some() { ",..." } else { "" })
    }
}

impl Rendering {
    /// Returns a line for each difference from the rendering `before`.
    pub(crate) fn changes(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.leader != before.leader {
            let (was, is) = (before.leader.as_deref(), self.leader.as_deref());
            let (was, is) = (cell(was.unwrap_or("none")), cell(is.unwrap_or("none")));
            lines.push(format!("leader   {was} -> {is}"));
        }
        changes("member", &before.members, &self.members, &mut lines);
        changes("region", &before.regions, &self.regions, &mut lines);
        let shown = |services: &BTreeMap<String, Vec<String>>| -> BTreeMap<String, String> {
            let shown = services.iter().map(|(key, all)| (key.clone(), cells(all)));
            shown.collect()
        };
        changes(
            "service",
            &shown(&before.services),
            &shown(&self.services),
            &mut lines,
        );
        changes("warning", &before.warnings, &self.warnings, &mut lines);
        lines
    }
}

fn changes<T: PartialEq + fmt::Display>(
    kind: &str,
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    lines: &mut Vec<String>,
) {
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    for name in names {
        let change = match (before.get(name), now.get(name)) {
            (Some(was), Some(is)) if was == is => continue,
            (Some(was), Some(is)) => format!("{was} -> {is}"),
            (Some(was), None) => format!("{was} -> gone"),
            (None, Some(is)) => format!("new -> {is}"),
            (None, None) => continue,
        };
        lines.push(format!("{kind:<8} {}  {change}", cell(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_has_chosen_looks_like_no_other_column_or_change() {
        let odd = "a  b -> c,d ";
        let shown = r"a \u{20}b -\u{3e} c,d\u{20}";
        let of = |status, leader: Option<&str>| Rendering {
            leader: leader.map(str::to_owned),
            members: [(
                odd.to_owned(),
                Member {
                    id: odd.to_owned(),
                    status,
                    unreachable: false,
                    roles: vec![odd.to_owned(), "e".to_owned()],
                },
            )]
            .into(),
            regions: BTreeMap::new(),
            services: [(odd.to_owned(), vec![format!("{odd}{status}"); 2])].into(),
            warnings: BTreeMap::new(),
        };
        let (joining, up) = (of("joining", None), of("up", Some(odd)));
        let roles = r"roles=a \u{20}b -\u{3e} c\u{2c}d\u{20},e";
        let instances = |status: &str| {
            let instance = format!(r"a \u{{20}}b -\u{{3e}} c,d {status}");
            format!("{instance}  {instance}")
        };
        let (was, is) = (instances("joining"), instances("up"));
        assert_eq!(
            up.lines(),
            [
                format!("leader   {shown}"),
                format!("member   {shown}  {shown}  up  {roles}"),
                format!("service  {shown}  {is}"),
            ]
        );
        assert_eq!(
            up.changes(&joining),
            [
                format!("leader   none -> {shown}"),
                format!("member   {shown}  joining  {roles} -> up  {roles}"),
                format!("service  {shown}  {was} -> {is}"),
            ]
        );
    }

    #[test]
    fn numbers_are_shown_as_ranges_and_not_too_many() {
        let shown = |ids: &[u32]| Ranges(ids).to_string();
        assert_eq!(shown(&[]), "");
        assert_eq!(
            shown(&[0, 1, 2, 7, 90, 91, u32::MAX]),
            "0-2,7,90-91,4294967295"
        );
        let odd: Vec<_> = (0..40).map(|n| 2 * n + 1).collect();
        assert_eq!(shown(&odd), "1,3,5,7,9,11,13,15,17,19,21,23,...");
    }
}
