//! Nodes that are connected and say nothing, as those do whose address is nobody's any more.

use super::*;

/// A member that is connected, known by a name, and sends the views. Without jitter.
fn followed(name: &NodeAddress, a: &NodeAddress) -> Bench {
    let config = ConnectionsConfig {
        stagger: Duration::ZERO,
        ..regular(&[]).engine.book.config
    };
    let mut bench = bench_of(config, &[name]);
    assert_eq!(bench.tick(), [dial(name)]);
    assert_eq!(bench.connect_as(name, a), []);
    bench.source(a);
    assert_eq!(bench.view(&[a], &[]), []);
    assert_eq!(bench.run_to(1_000), []);
    bench
}

fn stale(bench: &mut Bench, stale: bool) -> Vec<ConnectionsOutput> {
    bench.give(ConnectionsInput::Stale(stale))
}

#[test]
fn while_all_that_are_connected_are_silent_the_contacts_are_dialled_besides() {
    let [a, b] = nodes([1, 2]);
    let name = alias("one");
    let mut bench = followed(&name, &a);
    assert_eq!(bench.run_to(50_000), []);
    assert_eq!(stale(&mut bench, true), [dial(&name)], "wherever it led");
    assert_eq!(bench.connect_as(&name, &b), []);
    assert_eq!(bench.tick(), [], "it stays although another is the source");
    bench.source(&b);
    // The silent one is not waited for.
    assert_eq!(bench.view(&[&b], &[]), [close(&a)]);
    assert_eq!(stale(&mut bench, false), []);
    assert_eq!(bench.run_to(50_000), []);
}

#[test]
fn a_name_that_leads_to_the_silent_node_again_is_not_dialled_at_once() {
    let [a] = nodes([1]);
    let name = alias("one");
    let mut bench = followed(&name, &a);
    assert_eq!(stale(&mut bench, true), [dial(&name)]);
    let duplicate = ConnectionsOutput::Duplicate(name.clone());
    assert_eq!(bench.connect_as(&name, &a), [duplicate]);
    assert_eq!(bench.run_to(1_060), [(1_050, dial(&name))]);
    assert_eq!(stale(&mut bench, false), []);
    assert_eq!(bench.fail(&name), []);
    assert_eq!(bench.run_to(50_000), [], "it is up to date again");
}

#[test]
fn a_name_is_tried_again_when_the_node_that_it_led_to_sends_no_view_either() {
    let [a, b, c] = nodes([1, 2, 3]);
    let name = alias("one");
    let mut bench = followed(&name, &a);
    assert_eq!(stale(&mut bench, true), [dial(&name)]);
    bench.run_to(1_500);
    assert_eq!(bench.connect_as(&name, &b), []);
    assert_eq!(bench.run_to(5_000), [(4_500, dial(&name))]);
    assert_eq!(bench.connect_as(&name, &c), []);
}

#[test]
fn a_silent_node_that_is_only_wanted_is_not_waited_for_either() {
    let [a, b, other] = nodes([1, 2, 3]);
    let name = alias("one");
    let mut bench = followed(&name, &a);
    bench.give(ConnectionsInput::Want(other.clone()));
    bench.connect(&other);
    bench.run_to(2_000);
    stale(&mut bench, true);
    bench.connect_as(&name, &b);
    bench.source(&b);
    assert_eq!(bench.view(&[&b], &[]), [close(&a), close(&other)]);
}

#[test]
fn a_member_that_an_up_to_date_view_no_longer_names_is_waited_for() {
    let [a, b] = nodes([1, 2]);
    let mut bench = followed(&alias("one"), &a);
    bench.view(&[&a, &b], &[]);
    bench.connect(&b);
    stale(&mut bench, true);
    stale(&mut bench, false);
    assert_eq!(bench.view(&[&a], &[]), []);
    assert_eq!(bench.run_to(20_000), [(11_000, close(&b))]);
}
