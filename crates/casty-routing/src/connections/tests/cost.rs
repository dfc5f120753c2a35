//! The cost of events, in addresses and connections looked at: no more with many members than with
//! few. A view may look at all.

use super::*;
use crate::steps;

/// A cluster of so many members, all of which a view has named and of which none is connected.
fn many(members: u16) -> (Bench, Vec<NodeAddress>) {
    let config = ConnectionsConfig {
        members: usize::from(members),
        ..ConnectionsConfig::default()
    };
    let contacts = nodes([1, 2, 3]);
    let mut bench = bench_of(config, &contacts.each_ref());
    let members: Vec<_> = (1..=members).map(node).collect();
    bench.view(&members.iter().collect::<Vec<_>>(), &[]);
    (bench, members)
}

/// Counts inputs, and what the engine looked at meanwhile.
struct Meter {
    inputs: u64,
    before: u64,
}

impl Meter {
    fn new() -> Self {
        let before = steps::taken();
        Self { inputs: 0, before }
    }

    #[track_caller]
    fn check(&self, at_most: u64) {
        let steps = steps::taken() - self.before;
        assert!(self.inputs > 1_000, "only {} inputs", self.inputs);
        let Self { inputs, .. } = self;
        assert!(steps <= at_most * inputs, "{steps} in {inputs} inputs");
    }
}

/// Lets the dial of each address fail as soon as it is made, as a client tells it: with the source
/// and the state of the view after each event. Returns the number of dials.
fn refuse_all(bench: &mut Bench, meter: &mut Meter, until: u64) -> u64 {
    let mut dials = 0;
    let mut refused: VecDeque<NodeAddress> = bench.engine.book.dialling.iter().cloned().collect();
    loop {
        let outputs = match refused.pop_front() {
            Some(address) => bench.fail(&address),
            None => match bench.wait() {
                Some(at) if at <= until => {
                    bench.now = at.max(bench.now);
                    bench.tick()
                }
                _ => return dials,
            },
        };
        let unchanged = [
            bench.give(ConnectionsInput::Source(None)),
            bench.give(ConnectionsInput::Stale(false)),
        ];
        meter.inputs += 3;
        for output in outputs.into_iter().chain(unchanged.into_iter().flatten()) {
            if let ConnectionsOutput::Dial(address) = output {
                dials += 1;
                refused.push_back(address);
            }
        }
    }
}

#[test]
fn members_that_all_refuse_are_looked_at_when_it_is_their_turn() {
    for members in [100, 1_000, 10_000] {
        let (mut bench, _) = many(members);
        let mut meter = Meter::new();
        refuse_all(&mut bench, &mut meter, 20_000);
        meter.check(4);
    }
}

#[test]
fn many_members_that_refuse_are_together_dialled_no_more_often_than_some_hundred() {
    let dials_a_second = |members| {
        let (mut bench, _) = many(members);
        let mut meter = Meter::new();
        refuse_all(&mut bench, &mut meter, 200_000);
        refuse_all(&mut bench, &mut meter, 300_000) / 100
    };
    // Each comes round every 2.5 s on average.
    let full_pace = dials_a_second(500);
    assert!((190..=210).contains(&full_pace), "{full_pace}");
    for members in [1_000, 5_000, 10_000] {
        let paced = dials_a_second(members);
        assert!(
            (full_pace * 7 / 8..=full_pace * 9 / 8).contains(&paced),
            "{members}: {paced}"
        );
    }
}

#[test]
fn members_that_are_all_connected_or_lost_are_looked_at_when_it_is_their_turn() {
    let (mut bench, members) = many(2_000);
    let mut meter = Meter::new();
    let mut dialled: VecDeque<_> = bench.engine.book.dialling.iter().cloned().collect();
    while let Some(member) = dialled.pop_front() {
        meter.inputs += 1;
        for output in bench.connect(&member) {
            if let ConnectionsOutput::Dial(address) = output {
                dialled.push_back(address);
            }
        }
    }
    assert_eq!(bench.engine.connected_nodes().count(), members.len());
    for _ in 0..5_000 {
        meter.inputs += 2;
        bench.tick();
        bench.source(&members[0]);
    }
    for member in &members {
        meter.inputs += 1;
        bench.lose(member);
    }
    meter.check(6);
    refuse_all(&mut bench, &mut meter, 5_000);
    meter.check(6);
}

#[test]
fn nodes_that_are_wanted_cost_no_look_at_those_that_are_connected() {
    let config = ConnectionsConfig {
        non_members: 3_000,
        ..ConnectionsConfig::default()
    };
    let mut bench = bench_of(config, &[]);
    bench.view(&[&node(1)], &[]);
    let mut meter = Meter::new();
    for number in 2..=2_000 {
        meter.inputs += 2;
        bench.give(ConnectionsInput::Want(node(number)));
        bench.connect(&node(number));
    }
    meter.check(4);
}

#[test]
fn members_that_leave_one_view_after_the_other_are_looked_at_once_each_time() {
    let (mut bench, members) = many(2_000);
    let mut meter = Meter::new();
    for member in &members {
        bench.connect(member);
    }
    // They end, and are forgotten, one by one; no view but the first names any change.
    bench.source(&members[0]);
    bench.view(&[&members[0]], &[]);
    let mut closed = 0;
    let before = steps::taken();
    for at in 0..5_000 {
        bench.now = at * 10;
        closed += bench.tick().len();
    }
    assert_eq!(closed, members.len() - 1);
    assert_eq!(bench.engine.book.candidates.len(), 3);
    meter.inputs = 5_000;
    meter.before = before;
    meter.check(2);
}
