//! Regions and references as a program sees them, before any node was reached.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use casty_client::{ActorRef, RegionError};
use casty_transport::MemoryNetwork;

use crate::node::{builder, in_paused_time};

#[test]
fn what_waits_is_counted_for_its_region_and_for_actors_of_nodes() {
    in_paused_time(|| async {
        let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
        let client = client.unwrap();
        let [first, second, unused] =
            ["first", "second", "unused"].map(|name| client.region(name, 4).unwrap());
        for number in 0..5 {
            first.entity(format!("e{number}")).tell(number).unwrap();
        }
        for number in 0..2 {
            second.entity(format!("e{number}")).tell(number).unwrap();
        }
        assert_eq!(client.region_stats().len(), 3, "actors were told nothing");
        let actor = ActorRef::new("casty://s@n:1/a").unwrap();
        client.tell(&actor, 7).unwrap();
        let stats = client.region_stats();
        let counted = stats.iter().map(|region| {
            let name = region.region.as_deref().unwrap_or("actors");
            (name, region.shards, region.accepted, region.buffered)
        });
        assert_eq!(
            counted.collect::<Vec<_>>(),
            [
                ("first", Some(4), 5, 5),
                ("second", Some(4), 2, 2),
                (unused.name(), Some(4), 0, 0),
                ("actors", None, 1, 1),
            ]
        );
        let report = client.close(Duration::ZERO).await;
        assert!(report.is_conserved(), "{report:?}");
        let ended = client.region_stats();
        let ended: Vec<_> = ended.iter().map(|it| (it.not_sent, it.buffered)).collect();
        assert_eq!(ended, [(5, 0), (2, 0), (0, 0), (1, 0)]);
    });
}

#[test]
fn references_are_equal_where_they_lead_to_the_same() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").connect().await.unwrap();
        let other = builder(&network, "n:1").connect().await.unwrap();
        let regions = [
            client.region("a", 4).unwrap(),
            client.region("a", 4).unwrap(),
            client.region("b", 4).unwrap(),
            other.region("a", 4).unwrap(),
        ];
        assert_eq!(regions[0], regions[1]);
        assert_ne!(regions[0], regions[2]);
        assert_ne!(regions[0], regions[3]);
        assert_eq!(regions.iter().collect::<HashSet<_>>().len(), 3);
        let entities = regions.each_ref().map(|region| region.entity("e"));
        assert_eq!(entities.iter().collect::<HashSet<_>>().len(), 3);
        assert_eq!(entities[0].id(), "e");
        assert_ne!(entities[0], regions[0].entity("f"));

        let bound = ["casty://s@n:1/a", "casty://s@n:1/a", "casty://s@n:1/b"]
            .map(|uri| client.bind(ActorRef::<i32>::new(uri).unwrap()));
        assert_eq!(bound[0], bound[1]);
        assert_ne!(bound[0], bound[2]);
        assert_eq!(bound.iter().collect::<HashSet<_>>().len(), 2);
        assert_eq!(bound[0].uri(), "casty://s@n:1/a");
        assert_eq!(ActorRef::from(bound[2].clone()).uri(), "casty://s@n:1/b");
    });
}

/// Returns the hashes of things, of which equal ones have the same.
fn hashes<T: Hash, const N: usize>(things: [&T; N]) -> [u64; N] {
    things.map(|thing| {
        // Without a seed, so that a test that succeeds does so again.
        let mut hasher = DefaultHasher::new();
        thing.hash(&mut hasher);
        hasher.finish()
    })
}

#[test]
fn references_are_told_apart_by_their_hashes() {
    in_paused_time(|| async {
        let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
        let client = client.unwrap();
        let [r, again, other] = ["r", "r", "other"].map(|name| client.region(name, 4).unwrap());
        let [r, again, other] = hashes([&r, &again, &other]);
        assert!(r == again && r != other);
        let [a, again, other] = ["casty://s@n:1/a", "casty://s@n:1/a", "casty://s@n:1/b"]
            .map(|uri| client.bind(ActorRef::<i32>::new(uri).unwrap()));
        let [a, again, other] = hashes([&a, &again, &other]);
        assert!(a == again && a != other);
    });
}

#[test]
fn names_of_regions_that_cannot_be_are_refused() {
    in_paused_time(|| async {
        let client = builder(&MemoryNetwork::new(), "n:1").connect().await;
        let client = client.unwrap();
        let structures = client.distributed();
        for name in ["", "a\nb", "/_region-a"] {
            for refused in [
                client.region(name, 4).unwrap_err(),
                structures.counter(name).unwrap_err(),
                structures.barrier(name).unwrap_err(),
            ] {
                assert!(matches!(refused, RegionError::Name { .. }), "{refused}");
            }
        }
        // Nodes have such names themselves.
        client.region("_barrier", 10).unwrap();
        client.region("team/account", 10).unwrap();
    });
}
