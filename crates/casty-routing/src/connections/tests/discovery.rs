//! The questions for contacts: at the start, and when those that are known have failed.

use super::*;

/// Makes a bench without jitter that asks for contacts; each pause is 50 ms.
fn asking(contacts: &[&NodeAddress]) -> Bench {
    let bench = regular(contacts);
    Bench {
        engine: bench.engine.discovering(),
        ..bench
    }
}

impl Bench {
    fn found(&mut self, contacts: &[&NodeAddress]) -> Vec<ConnectionsOutput> {
        let contacts = contacts.iter().copied().cloned().collect();
        self.give(ConnectionsInput::Discovered(contacts))
    }
}

const DISCOVER: ConnectionsOutput = ConnectionsOutput::Discover;

/// Returns the times of the questions in a log.
fn questions(log: &[(u64, ConnectionsOutput)]) -> Vec<u64> {
    let questions = log.iter().filter(|(_, output)| *output == DISCOVER);
    questions.map(|(at, _)| *at).collect()
}

#[test]
fn contacts_are_asked_for_at_the_start_beside_those_that_are_given() {
    let [a, b, c] = nodes([1, 2, 3]);
    let mut bench = asking(&[&a]);
    assert_eq!(bench.tick(), [dial(&a), DISCOVER]);
    assert_eq!(bench.run_to(50), [], "one question at a time");
    assert_eq!(bench.found(&[&b, &a, &c]), []);
    assert_eq!(bench.run_to(1_000), [(100, dial(&b)), (200, dial(&c))]);
    for contact in [&a, &b, &c] {
        assert!(bench.engine.is_contact(contact));
    }
}

#[test]
fn without_being_told_to_the_engine_asks_for_nothing_and_takes_no_answer() {
    let [a, b] = nodes([1, 2]);
    let mut bench = regular(&[&a]);
    assert_eq!(bench.tick(), [dial(&a)]);
    assert_eq!(bench.found(&[&b]), []);
    assert_eq!(bench.run_to(60_000), []);
    assert!(!bench.engine.is_contact(&b));
}

#[test]
fn the_next_question_waits_for_the_failure_of_all_that_are_known_and_for_the_pause() {
    let [a, b] = nodes([1, 2]);
    let mut bench = asking(&[]);
    assert_eq!(bench.tick(), [DISCOVER]);
    assert_eq!(bench.found(&[&a, &b]), [dial(&a)]);
    bench.now = 10;
    assert_eq!(bench.fail(&a), [dial(&b)]);
    assert_eq!(bench.run_to(55), [], "one is being dialled");
    assert_eq!(bench.fail(&b), [DISCOVER]);
    assert_eq!(bench.found(&[&b]), []);
    // The one that was found again has a pause of its own, and is about to be dialled.
    assert_eq!(bench.run_to(105), [(105, dial(&b))]);
    assert_eq!(bench.fail(&b), [DISCOVER]);
    assert!(!bench.engine.is_contact(&a));
}

#[test]
fn an_answer_that_names_nobody_leaves_those_that_are_known() {
    let [a] = nodes([1]);
    let mut bench = asking(&[]);
    bench.tick();
    bench.found(&[&a]);
    bench.fail(&a);
    assert_eq!(bench.run_to(50)[0], (50, dial(&a)));
    assert_eq!(bench.fail(&a), [DISCOVER]);
    assert_eq!(bench.found(&[]), []);
    assert!(bench.engine.is_contact(&a));
    assert_eq!(bench.run_to(100)[0], (100, dial(&a)));
}

#[test]
fn when_the_whole_cluster_has_moved_contacts_are_asked_for_once() {
    let [a, b] = nodes([1, 2]);
    let mut bench = asking(&[]);
    bench.tick();
    bench.found(&[&a]);
    bench.connect(&a);
    bench.source(&a);
    bench.view(&[&a], &[]);
    assert_eq!(bench.run_to(60_000), []);
    assert_eq!(bench.lose(&a), [dial(&a)]);
    assert_eq!(bench.fail(&a), [suspect(&a), DISCOVER]);
    assert_eq!(bench.found(&[&b]), [dial(&b)]);
    bench.connect(&b);
    bench.source(&b);
    bench.view(&[&b], &[&a]);
    assert_eq!(bench.run_to(120_000), []);
    assert!(bench.engine.is_contact(&b) && !bench.engine.is_contact(&a));
}

#[test]
fn a_contact_whose_dial_does_not_end_puts_the_question_off_for_so_long_and_no_longer() {
    let [hole] = nodes([1]);
    let mut bench = asking(&[&hole]);
    assert_eq!(bench.tick(), [dial(&hole), DISCOVER]);
    bench.now = 1_000;
    bench.found(&[]);
    assert_eq!(bench.run_to(15_000), [(11_000, DISCOVER)]);
}

#[test]
fn a_node_that_was_just_connected_has_time_to_send_its_view() {
    let [a] = nodes([1]);
    let mut bench = asking(&[]);
    bench.tick();
    bench.found(&[&a]);
    assert_eq!(bench.connect(&a), []);
    assert_eq!(bench.run_to(10_000), [(3_000, DISCOVER)]);
}

#[test]
fn nothing_is_expected_of_a_node_that_was_lost() {
    let [a] = nodes([1]);
    let mut bench = asking(&[]);
    bench.tick();
    bench.found(&[&a]);
    bench.connect(&a);
    bench.now = 1_000;
    assert_eq!(bench.lose(&a), [dial(&a)]);
    assert_eq!(bench.fail(&a), [DISCOVER]);
}

#[test]
fn while_all_that_are_connected_are_silent_contacts_are_asked_for() {
    let [a, b] = nodes([1, 2]);
    let mut bench = asking(&[]);
    bench.tick();
    bench.found(&[&a]);
    bench.connect(&a);
    bench.source(&a);
    bench.view(&[&a], &[]);
    bench.run_to(60_000);
    assert_eq!(bench.give(ConnectionsInput::Stale(true)), [DISCOVER]);
    assert_eq!(bench.found(&[&a, &b]), [dial(&b)]);
}

#[test]
fn an_answer_is_bounded_and_those_before_it_are_forgotten() {
    let mut bench = asking(&[]);
    bench.tick();
    for first in (0..40_000).step_by(2_000) {
        let all: Vec<_> = (first..first + 2_000).map(node).collect();
        bench.found(&all.iter().collect::<Vec<_>>());
        assert!(bench.engine.is_contact(&all[1_023]));
        assert!(!bench.engine.is_contact(&all[1_024]));
        // Those of this answer, and those of the last ones that are being dialled.
        assert!(bench.engine.book.candidates.len() <= 1_024 + 8);
        assert!(bench.engine.dials_in_flight() <= 8);
    }
}

#[test]
fn one_that_is_given_stays_a_contact_whatever_is_found() {
    let [a, b] = nodes([1, 2]);
    let mut bench = asking(&[&a]);
    bench.tick();
    for found in [[&a], [&b]] {
        bench.found(&found);
        assert!(bench.engine.is_contact(&a));
    }
}

#[test]
fn questions_without_an_answer_are_put_with_growing_pauses() {
    let mut bench = bench(&[]);
    bench.engine = bench.engine.discovering();
    let mut log: Vec<_> = bench.tick().into_iter().map(|it| (0, it)).collect();
    while bench.now < 600_000 {
        assert_eq!(bench.found(&[]), []);
        let at = bench.wait().expect("another question");
        log.extend(bench.run_to(at));
    }
    let times = questions(&log);
    // About 250 by the mean pause of 2.5 s.
    assert!((150..400).contains(&times.len()), "{}", times.len());
    let mut pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.all(|pause| (10..=5_001).contains(&pause)));
}

#[test]
fn pauses_are_short_again_in_the_next_outage() {
    let [a] = nodes([1]);
    let mut bench = bench(&[]);
    bench.engine = bench.engine.discovering();
    bench.tick();
    for _ in 0..10 {
        bench.found(&[]);
        let at = bench.wait().expect("another question");
        assert_eq!(questions(&bench.run_to(at)), [at]);
    }
    bench.found(&[&a]);
    bench.connect(&a);
    bench.source(&a);
    bench.view(&[&a], &[]);
    bench.now += 60_000;
    bench.lose(&a);
    let soon = bench.now + 10;
    bench.run_to(soon);
    assert_eq!(bench.fail(&a), [suspect(&a), DISCOVER]);
    let asked = bench.now;
    bench.found(&[]);
    // The pause after the first failure, and the time that a dial of the member takes.
    let again = questions(&bench.run_refused(asked + 1_000, &[&a]));
    assert!(again[0] <= asked + 51, "{again:?}");
}
