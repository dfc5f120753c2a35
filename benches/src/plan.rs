//! The cells of a run, and the order in which a round measures them.

use casty_bench_harness::load::Load;
use fastrand::Rng;

use crate::options::Options;

/// One thing to measure: a sender that carries a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The load.
    pub load: Load,
    /// The sender's name.
    pub sender: &'static str,
}

/// Cells whose figures are compared, and which are measured one right after the other.
pub type Group = Vec<Cell>;

/// Senders of this client and of its floors.
const OURS: [&str; 4] = ["floor", "client", "floor2", "client2"];

/// The peers that ask.
pub const PEERS: [&str; 5] = ["tonic", "tarpc", "redis", "nats", "ractor"];

/// The clients of real nodes.
pub const REAL: [&str; 2] = ["client-real", "python-real"];

/// This client, as it asks entities of two members of one cluster: one in Rust, one in Python.
pub const MEMBERS: [&str; 2] = ["node-rust", "node-python"];

/// This client, built with the feature `metrics` and with an exporter's recorder in place.
pub const METERED: &str = "client-metered";

/// Numbers of asks in flight.
const AT_ONCE: [u16; 4] = [1, 8, 64, 512];

/// The ones that one task asks as well.
const BULK: [u16; 2] = [64, 512];

/// Numbers of asks in flight at real nodes, which are far slower.
const AT_ONCE_REAL: [u16; 3] = [1, 16, 64];

/// Numbers of asks in flight at members, of which one is as slow.
const AT_ONCE_MEMBERS: [u16; 2] = [1, 64];

/// Returns the groups of one round.
pub fn groups(options: &Options) -> Vec<Group> {
    let mut groups: Vec<Group> = AT_ONCE.into_iter().map(asks).collect();
    groups.push(tells());
    groups.push(cells(Load::Tell, &["rustls", "client-tls"]));
    groups.push(cells(Load::Tell, &["quinn", "client-quic"]));
    selected(groups, options)
}

/// Returns the groups of one round against real nodes.
pub fn real_groups(options: &Options) -> Vec<Group> {
    let asks = AT_ONCE_REAL.map(Load::Ask);
    let loads = asks.into_iter().chain([Load::Tell]);
    selected(loads.map(|load| cells(load, &REAL)).collect(), options)
}

/// Returns the groups of one round against two members of one cluster.
pub fn member_groups(options: &Options) -> Vec<Group> {
    let asks = AT_ONCE_MEMBERS.map(Load::Ask).into_iter();
    selected(asks.map(|load| cells(load, &MEMBERS)).collect(), options)
}

fn asks(at_once: u16) -> Group {
    let mut group = cells(Load::Ask(at_once), &OURS);
    group.extend(cells(Load::Ask(at_once), &PEERS));
    if BULK.contains(&at_once) {
        group.extend(cells(Load::Ask(at_once), &[METERED]));
        group.extend(cells(
            Load::AskMany(at_once),
            &["client", "client2", METERED],
        ));
    }
    if at_once == 512 {
        // A pipeline: one request of as many commands.
        group.extend(cells(Load::AskMany(at_once), &["redis"]));
    }
    group
}

fn tells() -> Group {
    let mut group = cells(Load::Tell, &OURS);
    group.extend(cells(Load::Tell, &[METERED]));
    group.extend(cells(Load::Tell, &["redis", "nats", "nats2", "ractor"]));
    group.extend(cells(Load::TellAll, &["client", "client2", "tonic"]));
    group.extend(cells(Load::TellChannel, &["tonic"]));
    group
}

fn cells(load: Load, senders: &[&'static str]) -> Group {
    let cells = senders.iter().map(|sender| Cell { load, sender });
    cells.collect()
}

/// Returns what the command line has asked for.
fn selected(groups: Vec<Group>, options: &Options) -> Vec<Group> {
    let wanted = |cell: &Cell| {
        let is_among = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|wanted| wanted == name)
        };
        is_among(&options.loads, &cell.load.to_string()) && is_among(&options.senders, cell.sender)
    };
    let groups = groups.into_iter().map(|mut group| {
        group.retain(wanted);
        group
    });
    groups.filter(|group| !group.is_empty()).collect()
}

/// Returns the cells of all groups in the order of one round: groups are in random order, and so are
/// the cells of each. A group stays together, because a machine's speed changes within seconds.
pub fn order(groups: &[Group], rng: &mut Rng) -> Vec<Cell> {
    let mut groups = groups.to_vec();
    rng.shuffle(&mut groups);
    for group in &mut groups {
        rng.shuffle(group);
    }
    groups.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_every_cell_once_and_groups_stay_together() {
        let groups = groups(&Options::default());
        let all = groups.concat();
        let ordered = order(&groups, &mut Rng::with_seed(3));
        assert_eq!(ordered.len(), all.len());
        assert!(all.iter().all(|cell| ordered.contains(cell)));
        for group in &groups {
            let place = |cell| ordered.iter().position(|other| other == cell).unwrap();
            let places: Vec<_> = group.iter().map(place).collect();
            let (first, last) = (places.iter().min().unwrap(), places.iter().max().unwrap());
            assert_eq!(last - first + 1, group.len());
        }
    }

    #[test]
    fn one_seed_gives_one_order() {
        let groups = groups(&Options::default());
        let ordered = |seed| order(&groups, &mut Rng::with_seed(seed));
        assert_eq!(ordered(1), ordered(1));
        assert_ne!(ordered(1), ordered(2));
    }

    #[test]
    fn only_what_was_asked_for_is_measured() {
        let options = Options {
            loads: vec!["c64".to_owned()],
            senders: vec!["floor".to_owned(), "redis".to_owned()],
            ..Options::default()
        };
        let expected = cells(Load::Ask(64), &["floor", "redis"]);
        assert_eq!(groups(&options), [expected]);
    }
}
