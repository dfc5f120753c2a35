use super::*;
use crate::rng::Rng;

fn count(count: u32) -> ShardCount {
    ShardCount::new(count).unwrap()
}

/// Returns what these shards say against a count, in words.
fn told(allocated: impl IntoIterator<Item = u32>, against: u32) -> String {
    let allocated: Vec<_> = allocated.into_iter().collect();
    let found = CountContradiction::among(&allocated.into_iter(), count(against));
    found.map_or_else(|| "nothing".to_owned(), |found| found.to_string())
}

#[test]
fn shards_at_or_beyond_the_count_contradict_it_and_are_named() {
    assert_eq!(told([0, 3, 23], 24), "nothing");
    assert_eq!(
        told([0, 24], 24),
        "the cluster allocates shard 24, which a region of 24 shards does not have"
    );
    assert_eq!(
        told([24, u32::MAX], 24),
        "the cluster allocates shards 24, 4294967295, which a region of 24 shards does not have"
    );
    assert!(told([0, 1], 1).ends_with("which a region of 1 shard does not have"));
    let many = told(0..100, 24);
    assert!(many.contains("shards 24, 25, "), "{many}");
    assert!(many.contains(" 35 and 64 more, which"), "{many}");
    let found = CountContradiction::among(&(0..1_000), count(24)).unwrap();
    assert_eq!((found.shards.len(), found.total), (LISTED, 976));
    assert_eq!((found.count, found.resembles), (count(24), None));
}

#[test]
fn a_region_that_looks_whole_at_a_smaller_count_contradicts_a_greater_one() {
    assert_eq!(
        told(0..24, 100),
        "the region looks like one of 24 shards, not 100: the cluster allocates none of the others"
    );
    assert_eq!(
        told((0..24).chain([90]), 100),
        "the region looks like one of 24 shards, not 100: of the others the cluster allocates only \
         shard 90"
    );
    // Nearly whole is enough, if the others are few.
    let nearly = (0..24).filter(|shard| ![3, 17].contains(shard));
    let nearly: Vec<_> = nearly.chain([31, 55, 90]).collect();
    assert!(told(nearly, 100).starts_with("the region looks like one of 24 shards, not 100"));
    assert!(told(0..24, 32).starts_with("the region looks like one of 24 shards, not 32"));
    assert!(told(0..8, 100).starts_with("the region looks like one of 8 shards, not 100"));
}

#[test]
fn what_may_be_an_accident_contradicts_nothing() {
    for allocated in [0..0, 0..1, 0..2, 0..3, 0..98, 0..99, 0..100] {
        assert_eq!(told(allocated.clone(), 100), "nothing", "{allocated:?}");
    }
    // Every other one; only the last ones; whole, and the others as well.
    assert_eq!(told((0..100).step_by(2), 100), "nothing");
    assert_eq!(told(60..100, 100), "nothing");
    assert_eq!(told((0..24).chain((24..100).step_by(2)), 100), "nothing");
    assert_eq!(told(0..23, 24), "nothing");
    assert_eq!(told([0], 1), "nothing");
    assert_eq!(told([0, 1, 2, u32::MAX - 1], u32::MAX), "nothing");
}

#[test]
fn programs_that_agree_are_not_contradicted_while_their_shards_are_allocated_one_by_one() {
    let mut rng = Rng::new(7);
    for shards in [2_u32, 8, 24, 100, 256] {
        for _ in 0..8 {
            let mut left: Vec<_> = (0..shards).collect();
            let mut allocated = std::collections::BTreeSet::new();
            while !left.is_empty() {
                let place = rng.next() % left.len() as u64;
                allocated.insert(left.swap_remove(usize::try_from(place).unwrap()));
                let found = CountContradiction::among(&allocated.iter().copied(), count(shards));
                assert_eq!(found, None, "{allocated:?} of {shards}");
            }
        }
    }
}

#[test]
fn a_guess_stays_while_the_smaller_region_is_whole_and_the_greater_one_is_not() {
    let of = |shards: &mut dyn Iterator<Item = u32>| shards.collect::<Vec<_>>();
    let guess = CountContradiction::among(&(0..24), count(32)).unwrap();
    // By itself that might be an accident.
    let polluted = (0..24).chain([25, 27, 30]);
    assert_eq!(told(polluted.clone(), 32), "nothing");
    let later = guess.persisting(&of(&mut polluted.clone())).unwrap();
    assert_eq!(later.resembles, Some(count(24)));
    assert_eq!(*later.shards, [25, 27, 30].map(ShardId::new));
    assert_eq!(guess.persisting(&of(&mut (1..24))), None);
    assert_eq!(guess.persisting(&of(&mut (0..32))), None);
    let fact = CountContradiction::among(&(0..25), count(24)).unwrap();
    assert_eq!(fact.persisting(&of(&mut (0..24))), None);
}

#[test]
fn the_logarithm_of_a_factorial_is_near_enough() {
    let mut sum = 0.0;
    for n in 1..200_u32 {
        sum += f64::from(n).ln();
        assert!((ln_factorial(n) - sum).abs() < 0.001, "{n}");
    }
    assert!(ln_factorial(0).abs() < f64::EPSILON);
}
