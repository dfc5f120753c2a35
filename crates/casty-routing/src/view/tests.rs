use std::time::Instant;

use casty_proto::{FrozenSet, Tuple};

use super::keeper::{LOWER_EPOCH_GRACE, Offer, ViewKeeper};
use super::*;

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("10.0.0.1", number)
}

fn member(number: u16, status: MemberStatus) -> Member {
    Member {
        address: node(number),
        status,
        roles: FrozenSet::default(),
        id: "n".into(),
    }
}

/// Members 1 and 2 up; shard 0 of region `r` belongs to `owner`.
fn snapshot(epoch: u64, owner: u16) -> TopologySnapshot {
    let allocation = ShardAllocation {
        primary: node(owner),
        replicas: Tuple::default(),
    };
    let shards = BTreeMap::from([(0, allocation)]);
    TopologySnapshot {
        members: FrozenSet(vec![
            member(2, MemberStatus::Up),
            member(1, MemberStatus::Up),
        ]),
        leader: Some(node(1)),
        shard_allocations: BTreeMap::from([("r".into(), shards)]),
        allocation_epoch: epoch,
        ..TopologySnapshot::default()
    }
}

fn owner(keeper: &ViewKeeper) -> u16 {
    let view = keeper.view().unwrap();
    view.owner("r", ShardId::new(0)).unwrap().port()
}

#[test]
fn unreachable_outweighs_up_and_the_dead_are_avoided() {
    let mut snapshot = snapshot(1, 1);
    snapshot.members = FrozenSet(vec![
        member(5, MemberStatus::Removed),
        member(4, MemberStatus::Down),
        member(3, MemberStatus::Leaving),
        member(2, MemberStatus::Up),
        member(1, MemberStatus::Joining),
    ]);
    snapshot.unreachable = FrozenSet(vec![node(2)]);
    let view = View::from_snapshot(snapshot);
    let ask = |ask: fn(&View, &NodeAddress) -> bool| {
        let nodes = (1..=6).filter(|number| ask(&view, &node(*number)));
        nodes.collect::<Vec<_>>()
    };
    assert_eq!(ask(View::is_live), [1, 3]);
    assert_eq!(ask(View::avoids), [2, 4, 5]);
    assert_eq!(ask(View::is_gone), [4, 5]);
    let live: Vec<_> = view.live_members().map(|m| m.address.port()).collect();
    assert_eq!(live, [1, 3]);
    assert_eq!(view.members().len(), 5);
}

#[test]
fn of_two_entries_for_one_member_the_more_alive_counts() {
    let mut twice = snapshot(1, 1);
    twice.members = FrozenSet(vec![
        member(1, MemberStatus::Down),
        member(1, MemberStatus::Up),
    ]);
    let view = View::from_snapshot(twice);
    assert!(view.is_live(&node(1)) && !view.avoids(&node(1)));
    assert_eq!(view.members().len(), 1);
}

#[test]
fn regions_are_told_by_name_with_their_allocations() {
    let mut two = snapshot(1, 2);
    let shards = two.shard_allocations.values().next().unwrap().clone();
    two.shard_allocations.insert("s".into(), shards);
    let view = View::from_snapshot(two);
    let regions = view.regions().map(|(name, shards)| (&**name, shards.len()));
    assert_eq!(regions.collect::<Vec<_>>(), [("r", 1), ("s", 1)]);
    assert_eq!(view.allocations("r").map(BTreeMap::len), Some(1));
    assert_eq!(view.allocations("none"), None);
}

#[test]
fn services_are_found_by_key_on_nodes_that_live() {
    let entry = |key: &str, number, path: &str| ServiceEntry {
        key: key.into(),
        node: node(number),
        path: path.into(),
    };
    let mut listing = snapshot(1, 1);
    listing.registry = FrozenSet(vec![
        entry("pay", 2, "/p"),
        entry("log", 1, "/l"),
        entry("pay", 1, "/p"),
        entry("pay", 1, "/p"),
    ]);
    listing.unreachable = FrozenSet(vec![node(2)]);
    let view = View::from_snapshot(listing);
    assert_eq!(
        view.services("pay"),
        [entry("pay", 1, "/p"), entry("pay", 2, "/p")]
    );
    let live: Vec<_> = view.live_services("pay").cloned().collect();
    assert_eq!(live, [entry("pay", 1, "/p")]);
    assert!(view.services("none").is_empty());
    assert_eq!(view.all_services().count(), 2);
}

#[test]
fn older_snapshot_never_replaces_a_newer_view() {
    let now = Instant::now();
    let mut keeper = ViewKeeper::new();
    keeper.offer(now, 1, snapshot(5, 2));
    assert_eq!(keeper.offer(now, 1, snapshot(4, 1)), Offer::Unchanged);
    assert_eq!(owner(&keeper), 2);
    keeper.offer(now, 2, snapshot(5, 1));
    assert_eq!(owner(&keeper), 1, "a newer subscription");
    let late = snapshot(99, 2);
    assert_eq!(keeper.offer(now, 1, late), Offer::Superseded);
    assert_eq!(owner(&keeper), 1);
}

#[test]
fn a_lagging_node_teaches_members_but_not_allocations() {
    let now = Instant::now();
    let mut keeper = ViewKeeper::new();
    keeper.offer(now, 1, snapshot(5, 2));
    let mut lagging = snapshot(4, 1);
    lagging.unreachable = FrozenSet(vec![node(1)]);
    assert!(matches!(keeper.offer(now, 2, lagging), Offer::Fresh(_)));
    assert_eq!(owner(&keeper), 2);
    assert!(keeper.view().unwrap().avoids(&node(1)));
    assert_eq!(keeper.view().unwrap().version().epoch, 5);
}

#[test]
fn an_equal_snapshot_changes_nothing_and_equal_allocations_are_shared() {
    let now = Instant::now();
    let mut keeper = ViewKeeper::new();
    keeper.offer(now, 1, snapshot(5, 2));
    let before = Arc::clone(keeper.view().unwrap());
    assert_eq!(keeper.offer(now, 1, snapshot(5, 2)), Offer::Unchanged);
    assert!(Arc::ptr_eq(&before, keeper.view().unwrap()));
    keeper.offer(now, 1, snapshot(6, 2));
    let after = keeper.view().unwrap();
    assert!(Arc::ptr_eq(
        &before.regions["r"].allocations,
        &after.regions["r"].allocations
    ));
}

#[test]
fn a_lower_epoch_is_believed_once_every_member_was_lost() {
    let now = Instant::now();
    let mut keeper = ViewKeeper::new();
    keeper.offer(now, 1, snapshot(5, 2));
    keeper.lost(&node(1));
    keeper.lost(&node(9));
    keeper.offer(now, 2, snapshot(1, 1));
    assert_eq!(owner(&keeper), 2, "member 2 still has the old picture");
    keeper.lost(&node(2));
    keeper.offer(now, 3, snapshot(1, 1));
    assert_eq!(owner(&keeper), 1);
    let version = ViewVersion {
        generation: 1,
        epoch: 1,
    };
    assert_eq!(keeper.view().unwrap().version(), version);
}

#[test]
fn losses_before_a_confirmation_do_not_count() {
    let now = Instant::now();
    let mut keeper = ViewKeeper::new();
    keeper.offer(now, 1, snapshot(5, 2));
    keeper.lost(&node(1));
    keeper.offer(now, 2, snapshot(5, 2));
    keeper.lost(&node(2));
    keeper.offer(now, 3, snapshot(1, 1));
    assert_eq!(owner(&keeper), 2);
}

#[test]
fn a_lower_epoch_is_believed_once_it_has_persisted() {
    let start = Instant::now();
    let mut keeper = ViewKeeper::new();
    let almost = LOWER_EPOCH_GRACE.checked_sub(std::time::Duration::from_millis(1));
    let almost = almost.unwrap();
    keeper.offer(start, 1, snapshot(5, 2));
    keeper.offer(start, 1, snapshot(1, 1));
    keeper.offer(start + almost, 1, snapshot(1, 1));
    assert_eq!(owner(&keeper), 2);
    keeper.offer(start + almost, 1, snapshot(5, 2));
    keeper.offer(start + LOWER_EPOCH_GRACE, 1, snapshot(1, 1));
    assert_eq!(owner(&keeper), 2, "it was confirmed in between");
    let end = start + LOWER_EPOCH_GRACE * 2;
    keeper.offer(start + almost * 2, 1, snapshot(2, 1));
    assert_eq!(owner(&keeper), 2);
    keeper.offer(end, 1, snapshot(2, 1));
    assert_eq!(owner(&keeper), 1);
}

#[test]
fn a_view_that_comes_again_confirms_the_kept_one_only_if_it_was_no_lower() {
    let now = Instant::now();
    let mut keeper = ViewKeeper::new();
    assert!(!keeper.is_confirmed_by(0), "there is none");
    keeper.offer(now, 1, snapshot(5, 2));
    assert!(keeper.is_confirmed_by(1) && !keeper.is_confirmed_by(2));
    keeper.lost(&node(1));
    keeper.confirm();
    keeper.lost(&node(2));
    keeper.offer(now, 2, snapshot(1, 1));
    assert_eq!(owner(&keeper), 2, "not every member was lost since");
    assert!(!keeper.is_confirmed_by(2), "time decides about it");
    keeper.confirm();
    keeper.offer(now + LOWER_EPOCH_GRACE, 2, snapshot(1, 1));
    assert_eq!(owner(&keeper), 1, "it has persisted");
    assert!(keeper.is_confirmed_by(2), "it is the kept one now");
}

#[test]
fn a_view_made_after_another_than_the_kept_one_is_taken_in_as_well() {
    let now = Instant::now();
    let mut keeper = ViewKeeper::new();
    keeper.offer(now, 1, snapshot(5, 2));
    let other = View::after(None, snapshot(5, 2));
    assert_eq!(keeper.offer_view(now, 1, other), Offer::Unchanged);
    let other = View::after(None, snapshot(6, 1));
    assert!(matches!(keeper.offer_view(now, 1, other), Offer::Fresh(_)));
    assert_eq!(owner(&keeper), 1);
    let late = View::from_snapshot(snapshot(7, 2));
    assert_eq!(keeper.offer_view(now, 0, late), Offer::Superseded);
}

#[test]
fn replicas_alone_make_another_view_of_the_same_owners() {
    let mut copied = snapshot(5, 2);
    for allocation in copied.shard_allocations.get_mut("r").unwrap().values_mut() {
        allocation.replicas = [node(1)].into_iter().collect();
    }
    let bare = View::from_snapshot(snapshot(5, 2));
    let view = View::after(Some(&bare), copied.clone());
    assert_ne!(view, bare);
    assert_eq!(view.allocations("r").unwrap()[&0].replicas.len(), 1);
    let owners = |view: &View| Arc::clone(view.shard_owners("r").unwrap());
    assert!(Arc::ptr_eq(&owners(&view), &owners(&bare)));
    let again = View::after(Some(&view), copied);
    assert!(Arc::ptr_eq(
        &again.regions["r"].allocations,
        &view.regions["r"].allocations
    ));
    assert_ne!(View::after(Some(&view), snapshot(5, 2)), view);
}

#[test]
fn numbers_name_the_owners_and_those_of_no_use_are_given_up() {
    let owned = |host: u32| {
        let owned = |(region, host): (&str, u32)| {
            let allocation = ShardAllocation {
                primary: NodeAddress::new(format!("host-{host}"), 1),
                replicas: Tuple::default(),
            };
            (region.into(), BTreeMap::from([(host % 7, allocation)]))
        };
        TopologySnapshot {
            shard_allocations: [("r", host), ("s", 0)].map(owned).into(),
            ..TopologySnapshot::default()
        }
    };
    let mut view = View::from_snapshot(owned(1));
    for host in 2..100 {
        view = View::after(Some(&view), owned(host));
        for region in ["r", "s"] {
            let owners = view.shard_owners(region).unwrap();
            let named = owners
                .iter()
                .map(|(shard, number)| (shard, view.numbers().node(number)));
            let allocated = view.allocations(region).unwrap().iter();
            let allocated = allocated.map(|(shard, it)| (*shard, Some(&it.primary)));
            assert!(named.eq(allocated), "{host} {region}");
        }
        assert!(view.numbers().len() <= 6, "{}", view.numbers().len());
    }
}
