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

#[test]
fn a_count_that_the_view_contradicts_is_an_error_and_routes_nothing() {
    let mut bench = Bench::formed(&[(0, 2)]);
    let pending = bench.message(1, 1);
    bench.handle(RouterInput::Send(pending));
    let log = bench.view(view(2, &[], &[(0, 2), (8, 2)]));
    let wrong = "the cluster allocates shard 8 of a region registered with 8 shards";
    assert_eq!(log, [format!("1: {wrong}"), "publish".to_owned()]);
    assert_eq!(bench.send(0, 2), [format!("2: {wrong}")]);
    let (asked, allocated) = (ShardCount::new(8).unwrap(), ShardId::new(8));
    let error = RegisterRegionError::Contradicted { allocated, asked };
    assert_eq!(bench.router.register_region("r", asked), Err(error));
    let right = bench
        .router
        .register_region("r", ShardCount::new(9).unwrap())
        .unwrap();
    assert_ne!(right, bench.region);
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
