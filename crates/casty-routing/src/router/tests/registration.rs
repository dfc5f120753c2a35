//! Regions, their names and their counts.

use super::*;

#[test]
fn another_count_for_the_same_region_is_an_error() {
    let mut bench = Bench::new();
    let count = |count| ShardCount::new(count).unwrap();
    assert_eq!(
        bench.router.register_region("r", count(8)),
        Ok(bench.region)
    );
    let (registered, asked) = (count(8), count(9));
    let error = RegisterRegionError::OtherCount { registered, asked };
    assert_eq!(bench.router.register_region("r", asked), Err(error));
    let error = RegisterRegionError::TooManyShards { limit: 65_536 };
    assert_eq!(
        bench.router.register_region("big", count(65_537)),
        Err(error)
    );
}

#[test]
fn a_region_may_have_as_many_shards_as_the_limit_and_is_found_by_name_and_number() {
    let mut bench = Bench::with(RouterConfig {
        max_shards: 8,
        ..RouterConfig::default()
    });
    let count = ShardCount::new(8).unwrap();
    let other = bench.router.register_region("s", count).unwrap();
    assert_eq!((bench.region.get(), other.get()), (0, 1), "in their order");
    assert_eq!(bench.router.region_id("r"), Some(bench.region));
    assert_eq!(bench.router.region_id("s"), Some(other));
    assert_eq!(bench.router.region_id("t"), None);
    let regions = bench.router.regions().map(|(id, name)| (id, &**name));
    assert_eq!(
        regions.collect::<Vec<_>>(),
        [(bench.region, "r"), (other, "s")]
    );
    assert_eq!(
        bench.router.region_name(other).map(|name| &**name),
        Some("s")
    );
    assert_eq!(bench.router.region_name(RegionId(2)), None);
}

const BEYOND: &str = "the cluster allocates shard 8, which a region of 8 shards does not have";

#[test]
fn a_count_that_the_view_contradicts_stays_in_use_and_is_told_once() {
    let mut bench = Bench::formed(&[(0, 2)]);
    assert_eq!(bench.send(1, 1), ["query 1 of 1"]);
    let told = [format!("contradiction: {BEYOND}")];
    assert_eq!(bench.view(view(2, &[], &[(0, 2), (8, 2)])), told);
    assert_eq!(bench.send(0, 2), ["2 to 2"]);
    assert_eq!(bench.location(1, 3), ["1 to 3", "publish"]);
    // Other allocations change nothing of it; another stray shard, or none, does.
    assert_eq!(bench.view(view(3, &[], &[(0, 2), (1, 3), (8, 3)])), [""; 0]);
    let more = bench.view(view(4, &[], &[(0, 2), (1, 3), (8, 3), (11, 1)]));
    let both = "contradiction: the cluster allocates shards 8, 11, which a region of 8 shards does \
                not have";
    assert_eq!(more, [both]);
    let found = bench.router.contradiction(bench.region).unwrap();
    assert_eq!(*found.shards, [8, 11].map(ShardId::new));
    assert_eq!(
        bench.view(view(5, &[], &[(0, 2), (1, 3)])),
        ["no contradiction"]
    );
    assert_eq!(bench.router.contradiction(bench.region), None);
    assert_eq!(bench.send(1, 3), ["3 to 3"]);
}

#[test]
fn a_region_is_registered_whatever_the_view_says_against_its_count() {
    let mut bench = Bench::formed(&[(0, 2)]);
    bench.view(view(2, &[], &[(0, 2), (8, 2)]));
    let count = |count| ShardCount::new(count).unwrap();
    let known = bench.router.register_region("r", count(8));
    assert_eq!(known, Ok(bench.region));
    let (registered, asked) = (count(8), count(9));
    assert_eq!(
        bench.router.register_region("r", asked),
        Err(RegisterRegionError::OtherCount { registered, asked }),
        "that is the program's own contradiction"
    );
    let mut later = Bench::empty();
    later.view(view(2, &[], &[(0, 2), (8, 2)]));
    later.up(2);
    later.region = later.router.register_region("r", count(8)).unwrap();
    let told = format!("contradiction: {BEYOND}");
    assert_eq!(later.drain(), [told, "publish".to_owned()]);
    assert_eq!(later.send(0, 1), ["1 to 2"]);
    assert_eq!(later.router.shard_count(later.region), Some(count(8)));
}

#[test]
fn a_region_that_looks_whole_at_a_smaller_count_is_told_while_it_does() {
    let mut bench = Bench::empty();
    let count = ShardCount::new(100).unwrap();
    bench.region = bench.router.register_region("r", count).unwrap();
    bench.drain();
    let whole: Vec<_> = (0..24).map(|shard| (shard, 2)).collect();
    let log = bench.view(view(1, &[], &whole));
    let told = "contradiction: the region looks like one of 24 shards, not 100: the cluster \
                allocates none of the others";
    assert_eq!(log, [told]);
    bench.up(1);
    bench.up(2);
    assert_eq!(bench.send(90, 1), ["query 90 of 1"]);
    assert_eq!(bench.location(90, 2), ["1 to 2", "publish"]);
    let polluted = [&*whole, &[(90, 2)]].concat();
    let told = "contradiction: the region looks like one of 24 shards, not 100: of the others the \
                cluster allocates only shard 90";
    assert_eq!(bench.view(view(2, &[], &polluted)), [told]);
    assert_eq!(
        bench.view(view(3, &[], &[(0, 2), (90, 2)])),
        ["no contradiction", "publish"]
    );
}

#[test]
fn strictly_a_count_that_the_view_contradicts_is_an_error_and_routes_nothing() {
    let mut bench = Bench::with(RouterConfig {
        shard_counts: ShardCounts::Strict,
        ..RouterConfig::default()
    });
    bench.view(view(1, &[], &[(0, 2)]));
    bench.up(2);
    let pending = bench.message(1, 1);
    bench.handle(RouterInput::Send(pending));
    let log = bench.view(view(2, &[], &[(0, 2), (8, 2)]));
    let told = format!("contradiction: {BEYOND}");
    assert_eq!(log, [told, format!("1: {BEYOND}"), "publish".to_owned()]);
    assert_eq!(bench.send(0, 2), [format!("2: {BEYOND}")]);
    let (asked, allocated) = (ShardCount::new(8).unwrap(), ShardId::new(8));
    let error = RegisterRegionError::Contradicted { allocated, asked };
    assert_eq!(bench.router.register_region("r", asked), Err(error));
    let right = bench
        .router
        .register_region("r", ShardCount::new(9).unwrap())
        .unwrap();
    assert_ne!(right, bench.region);
    assert_eq!(asked, bench.router.shard_count(bench.region).unwrap());
    assert_eq!(bench.drain(), ["publish"]);
    assert_eq!(bench.table.owner(right, allocated), Some(&2));
}

#[test]
fn the_number_of_regions_is_bounded() {
    let mut bench = Bench::with(RouterConfig {
        max_regions: 2,
        ..RouterConfig::default()
    });
    let count = ShardCount::new(1).unwrap();
    assert!(bench.router.register_region("s", count).is_ok());
    let error = RegisterRegionError::TooManyRegions { limit: 2 };
    assert_eq!(bench.router.register_region("t", count), Err(error));
    assert!(
        bench.router.register_region("s", count).is_ok(),
        "those in use are not affected"
    );
}

#[test]
fn unknown_regions_and_shards_are_answered() {
    let mut bench = Bench::new();
    let unknown = "1: a region of 8 shards has no shard 8";
    assert_eq!(bench.send(8, 1), [unknown]);
    bench.region = RegionId(7);
    assert_eq!(bench.send(0, 2), ["2: unknown region"]);
    assert_eq!(bench.location(0, 2), [""; 0]);
}
