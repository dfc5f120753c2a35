//! The pace at which lost nodes are dialled again.

use super::*;

#[test]
fn a_lost_member_is_redialled_at_once_and_then_with_backoff() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&a);
    bench.connect(&b);
    bench.now = 10_000;
    assert!(bench.lose(&a).len() <= 1);
    let log = bench.run_refused(40_000, &[&a]);
    let times = dials_of(&log, &a);
    assert!(times[0] <= 10_010, "{times:?}");
    assert!((8..40).contains(&times.len()), "{times:?}");
}

#[test]
fn a_connection_that_breaks_at_once_is_redialled_with_growing_delays() {
    let [a] = nodes([1]);
    let mut bench = bench(&[]);
    bench.view(&[&a], &[]);
    let mut dials = 0;
    while bench.now < 60_000 {
        bench.connect(&a);
        bench.lose(&a);
        let next = bench.wait().unwrap();
        assert!(matches!(
            bench.run_to(next)[..],
            [(_, ConnectionsOutput::Dial(_))]
        ));
        dials += 1;
    }
    assert!(dials < 100, "{dials} dials in a minute");
}

#[test]
fn a_name_whose_connections_break_at_once_is_redialled_with_growing_delays() {
    let (name, [a]) = (alias("one"), nodes([1]));
    let mut bench = bench(&[&name]);
    bench.tick();
    let mut dials = 1;
    while bench.now < 60_000 {
        bench.connect_as(&name, &a);
        bench.lose(&a);
        let next = bench.wait().unwrap();
        dials += bench.run_to(next).len();
    }
    assert!(dials < 100, "{dials} dials in a minute");
}

#[test]
fn a_stable_connection_makes_earlier_failures_forgotten() {
    let [a] = nodes([1]);
    let mut bench = bench(&[]);
    bench.view(&[&a], &[]);
    bench.fail(&a);
    bench.run_refused(60_000, &[&a]);
    bench.run_to(66_000);
    bench.connect(&a);
    bench.run_to(70_000);
    bench.lose(&a);
    let log = bench.run_refused(80_000, &[&a]);
    let times = dials_of(&log, &a);
    assert!(times[0] <= 70_010 && times[1] <= 70_061, "{times:?}");
}

#[test]
fn a_lost_member_that_is_not_live_is_not_redialled() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&a);
    bench.connect(&b);
    bench.view(&[&a], &[]);
    assert_eq!(bench.lose(&b), []);
    assert_eq!(bench.run_to(60_000), []);
}

#[test]
fn views_that_flap_do_not_hasten_the_dials_of_a_dead_member() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&b], &[]);
    bench.connect(&b);
    bench.source(&b);
    let mut dials = 0;
    let mut refuse = |bench: &mut Bench, outputs: Vec<ConnectionsOutput>| {
        for output in outputs {
            if output == dial(&a) {
                dials += 1;
                bench.fail(&a);
            }
        }
    };
    for round in 1..=600 {
        let live = if round % 2 == 0 {
            vec![&b]
        } else {
            vec![&a, &b]
        };
        let done = bench.view(&live, &[]);
        refuse(&mut bench, done);
        let done = bench.run_to(round * 100);
        refuse(&mut bench, done.into_iter().map(|(_, done)| done).collect());
    }
    assert!((10..90).contains(&dials), "{dials} dials in a minute");
}
