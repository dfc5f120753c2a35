//! The queries to leaders: once at a time, and repeated.

use super::*;

#[test]
fn a_query_is_repeated_at_growing_intervals_until_nothing_is_buffered() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    let mut asked = vec![bench.now];
    let end = bench.now + 5 * SECOND;
    while let Some(wait) = bench.wait {
        bench.now = wait;
        match bench.handle(RouterInput::Tick).as_slice() {
            [] => {}
            [one] if one == "query 0 of 1" => asked.push(wait),
            [one] => {
                assert_eq!(
                    one,
                    "1: the deadline passed: the leader names no usable owner of the shard"
                );
                assert_eq!(bench.now, end);
            }
            more => panic!("{more:?}"),
        }
    }
    let gaps: Vec<Duration> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((3..=8).contains(&gaps.len()), "{gaps:?}");
    for (gap, most) in gaps.iter().zip([500, 1_000, 2_000, 2_000, 2_000]) {
        let most = Duration::from_millis(most);
        assert!((most / 2..=most).contains(gap), "{gaps:?}");
    }
}

#[test]
fn a_new_leader_is_asked_at_once() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.down(1, vec![]), [""; 0], "no leader to ask");
    let elected = |epoch| {
        Arc::new(View::from_snapshot(TopologySnapshot {
            leader: Some(node(2)),
            allocation_epoch: epoch,
            ..TopologySnapshot::default()
        }))
    };
    assert_eq!(bench.view(elected(0)), [""; 0], "older");
    assert_eq!(bench.view(elected(1)), ["query 0 of 2"]);
    assert_eq!(bench.up(1), [""; 0]);
}

#[test]
fn a_reconnected_leader_is_asked_again_at_once() {
    let mut bench = Bench::formed(&[]);
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    for _ in 0..3 {
        bench.now = bench.wait.unwrap();
        assert_eq!(bench.handle(RouterInput::Tick), ["query 0 of 1"]);
    }
    bench.down(1, vec![]);
    assert_eq!(bench.up(1), ["query 0 of 1"]);
    let wait = bench.wait.unwrap() - bench.now;
    assert!(wait <= SECOND / 2, "as at first: {wait:?}");
}

#[test]
fn a_changed_view_brings_the_next_query_forward() {
    let mut bench = Bench::formed(&[]);
    bench.send(0, 1);
    let second = bench.wait.unwrap();
    bench.now = second;
    bench.handle(RouterInput::Tick);
    bench.now = bench.wait.unwrap();
    bench.handle(RouterInput::Tick);
    let base = RouterConfig::default().query_base;
    assert!(bench.wait.unwrap() > bench.now + base, "the wait has grown");
    assert_eq!(
        bench.view(view(1, &[3], &[])),
        [""; 0],
        "but one is in flight still"
    );
    assert!(bench.wait.unwrap() <= bench.now + base);
}

#[test]
fn a_changed_view_has_a_refused_answer_asked_for_again_at_once() {
    let mut bench = Bench::formed(&[(0, 3)]);
    bench.view(view(1, &[3], &[(0, 3)]));
    assert_eq!(bench.send(0, 1), ["query 0 of 1"]);
    assert_eq!(bench.location(0, 3), [""; 0], "the leader has not noticed");
    assert_eq!(
        bench.view(view(2, &[3], &[])),
        ["query 0 of 1"],
        "now it has"
    );
    assert_eq!(bench.view(view(3, &[3], &[])), [""; 0], "it is asked");
    assert_eq!(bench.location(0, 1), ["1 to 1", "publish"]);
}
