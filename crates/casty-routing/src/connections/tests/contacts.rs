//! The way into a cluster: contacts are dialled in turn, and only while they are needed.

use super::*;

#[test]
fn contacts_are_dialled_in_their_order_a_stagger_apart() {
    let [a, b, c] = nodes([3, 1, 2]);
    let mut bench = bench(&[&a, &b, &c, &a]);
    assert_eq!(bench.tick(), [dial(&a)]);
    assert_eq!(
        bench.run_to(1_000),
        [(100, dial(&b)), (200, dial(&c))],
        "and none twice"
    );
    assert_eq!(bench.wait(), None, "results are awaited");
}

#[test]
fn the_next_contact_is_dialled_at_once_after_a_failure() {
    let [a, b, c] = nodes([1, 2, 3]);
    let mut bench = bench(&[&a, &b, &c]);
    bench.tick();
    assert_eq!(bench.fail(&a), [dial(&b)]);
    assert_eq!(bench.fail(&b), [dial(&c)]);
}

#[test]
fn at_most_so_many_contacts_are_dialled_at_a_time() {
    let contacts: Vec<_> = (1..=20).map(node).collect();
    let mut bench = bench(&contacts.iter().collect::<Vec<_>>());
    bench.tick();
    bench.run_to(10_000);
    assert_eq!(bench.engine.dials_in_flight(), 8);
    let next = bench.fail(&contacts[0]);
    assert_eq!(next, [dial(&contacts[8])]);
}

#[test]
fn without_a_view_contacts_are_dialled_for_ever_with_growing_delays() {
    let [a, b, c] = nodes([1, 2, 3]);
    let contacts = [&a, &b, &c];
    let mut bench = bench(&contacts);
    let log = bench.run_refused(600_000, &contacts);
    for contact in contacts {
        let times = dials_of(&log, contact);
        assert!(*times.last().unwrap() > 590_000, "it gave up");
        // About 250 by the mean delay of 2.5 s.
        assert!((150..400).contains(&times.len()), "{} dials", times.len());
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 5_101));
    }
}

#[test]
fn a_contact_that_is_connected_but_gives_no_view_does_not_stop_the_others() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[&a, &b]);
    bench.tick();
    assert_eq!(bench.connect(&a), []);
    assert_eq!(bench.run_to(500), [(100, dial(&b))]);
}

#[test]
fn when_no_member_can_be_connected_the_contacts_are_dialled_again() {
    let (name, [a, b, new]) = (alias("casty.example"), nodes([1, 2, 9]));
    let mut bench = regular(&[&name]);
    bench.tick();
    bench.connect_as(&name, &a);
    bench.source(&a);
    bench.view(&[&a, &b], &[]);
    bench.connect(&b);
    bench.now = 60_000;
    // The whole cluster gets new addresses.
    assert_eq!(bench.lose(&a), [dial(&a)]);
    assert_eq!(bench.lose(&b), [dial(&b)]);
    assert_eq!(bench.fail(&a), [suspect(&a)]);
    assert_eq!(bench.fail(&b), [suspect(&b), dial(&name)]);
    assert_eq!(bench.connect_as(&name, &new), []);
    bench.source(&new);
    assert!(bench.engine.is_connected(&new), "it may send the views");
    assert_eq!(bench.view(&[&new], &[&a, &b]), []);
    bench.fail(&a);
    bench.fail(&b);
    assert_eq!(bench.run_to(200_000), []);
}

#[test]
fn a_view_without_a_live_member_has_contacts_dialled() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[&a, &b]);
    bench.tick();
    bench.connect(&a);
    assert_eq!(bench.view(&[], &[]), []);
    assert_eq!(bench.run_to(1_000), [(100, dial(&b))]);
}

#[test]
fn a_contact_that_is_no_member_is_kept_until_another_node_sends_the_views() {
    let [contact, a] = nodes([1, 2]);
    let mut bench = bench(&[&contact]);
    bench.tick();
    bench.connect(&contact);
    bench.source(&contact);
    bench.view(&[&a], &[]);
    bench.connect(&a);
    assert_eq!(bench.run_to(60_000), []);
    assert_eq!(bench.source(&a), [close(&contact)]);
    assert_eq!(bench.run_to(120_000), [], "nor is it dialled again");
}

#[test]
fn a_failed_contact_that_becomes_a_member_is_tried_again_soon() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[&a]);
    bench.run_refused(30_000, &[&a]);
    bench.give(ConnectionsInput::Connected {
        dialled: b.clone(),
        canonical: b.clone(),
    });
    let mut log: Vec<_> = bench
        .view(&[&a, &b], &[])
        .into_iter()
        .map(|done| (30_000, done))
        .collect();
    log.extend(bench.run_to(31_000));
    assert_eq!(dials_of(&log, &a).len(), 1, "{log:?}");
}

#[test]
fn a_contact_is_dialled_beside_a_member_that_does_not_answer() {
    let config = ConnectionsConfig {
        contact_dials: 1,
        member_dials: 1,
        ..ConnectionsConfig::default()
    };
    let [contact, a] = nodes([1, 2]);
    let mut bench = bench_of(config, &[&contact]);
    bench.view(&[&a], &[]);
    assert_eq!(bench.fail(&a), [suspect(&a), dial(&contact)]);
    bench.run_to(60_000);
    assert_eq!(bench.engine.dials_in_flight(), 2);
    bench.fail(&contact);
    let again = bench.run_to(120_000);
    assert_eq!(dials_of(&again, &contact).len(), 1, "{again:?}");
}
