use super::*;

/// One connection that is looked at once a second.
struct World {
    liveness: Liveness,
    now: Instant,
    begun: Instant,
    connection: ObservedConnection,
    /// Bytes of each probe.
    probe: u64,
    log: Vec<(u64, LivenessOutput)>,
}

const PROBE: LivenessOutput = LivenessOutput::Probe { connection: 7 };

fn given_up(silent: u64) -> LivenessOutput {
    LivenessOutput::GiveUp {
        connection: 7,
        silent: Duration::from_secs(silent),
    }
}

impl World {
    fn new(awaited: bool) -> Self {
        let now = Instant::now();
        let connection = ObservedConnection {
            connection: 7,
            received: 0,
            accepted: 0,
            sent: 0,
            awaited,
        };
        let mut world = Self {
            liveness: Liveness::new(LivenessConfig::default()),
            now,
            begun: now,
            connection,
            probe: 100,
            log: Vec::new(),
        };
        world.look();
        world
    }

    /// Looks now, and carries out what is ordered.
    fn look(&mut self) {
        let input = LivenessInput::Looked(vec![self.connection]);
        self.liveness.handle(self.now, input);
        loop {
            match self.liveness.poll() {
                LivenessOutput::Wait(due) => {
                    assert_eq!(due, Some(self.now + LivenessConfig::default().look));
                    break;
                }
                order => {
                    if order == PROBE {
                        self.send(self.probe);
                        let accepted = self.connection.accepted;
                        let connection = 7;
                        self.liveness.handle(
                            self.now,
                            LivenessInput::Probed {
                                connection,
                                accepted,
                            },
                        );
                    }
                    self.log.push(((self.now - self.begun).as_secs(), order));
                }
            }
        }
    }

    /// Lets seconds pass, with a look in each.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.look();
        }
    }

    /// Hands bytes to the kernel.
    fn send(&mut self, bytes: u64) {
        self.connection.accepted += bytes;
        self.connection.sent = self.connection.accepted;
    }

    fn receive(&mut self) {
        self.connection.received += 1;
    }
}

#[test]
fn a_silent_connection_that_is_awaited_is_probed_after_5_s_and_given_up_9_s_later_once() {
    let mut world = World::new(true);
    world.pass(60);
    assert_eq!(world.log, [(5, PROBE), (14, given_up(14))]);
}

#[test]
fn a_connection_on_which_nothing_is_sent_and_nothing_awaited_is_left_alone() {
    let mut world = World::new(false);
    world.pass(600);
    assert!(world.log.is_empty(), "{:?}", world.log);
}

#[test]
fn what_was_sent_and_not_answered_is_asked_for() {
    let mut world = World::new(false);
    world.pass(30);
    world.send(10);
    world.pass(60);
    assert_eq!(world.log, [(31, PROBE), (40, given_up(40))]);
}

#[test]
fn an_answer_to_a_probe_is_a_sign_of_life_and_needs_no_further_probe() {
    let mut world = World::new(false);
    world.send(10);
    world.pass(5);
    assert_eq!(world.log, [(5, PROBE)]);
    world.receive();
    world.pass(600);
    assert_eq!(world.log, [(5, PROBE)], "nothing was sent since");
    world.send(10);
    world.pass(1);
    assert_eq!(world.log.len(), 2, "it has been silent long enough");
}

#[test]
fn an_awaited_connection_that_answers_every_probe_is_probed_again_and_never_given_up() {
    let mut world = World::new(true);
    for _ in 0..100 {
        world.pass(5);
        world.receive();
        world.pass(1);
    }
    assert_eq!(world.log.len(), 100);
    assert!(world.log.iter().all(|(_, order)| *order == PROBE));
}

#[test]
fn what_is_sent_right_behind_an_answer_is_expected_to_be_answered() {
    let mut world = World::new(false);
    world.send(10);
    world.pass(1);
    // Both between two looks.
    world.receive();
    world.send(10);
    world.pass(30);
    assert_eq!(world.log, [(7, PROBE), (16, given_up(14))]);
}

#[test]
fn anything_that_comes_late_is_in_time_until_it_is_given_up() {
    let mut world = World::new(true);
    world.pass(13);
    world.receive();
    world.pass(1);
    assert_eq!(world.log, [(5, PROBE)]);
    world.pass(4);
    assert_eq!(world.log, [(5, PROBE)], "a new silence begins");
    world.pass(1);
    assert_eq!(world.log, [(5, PROBE), (19, PROBE)]);
}

#[test]
fn a_kernel_that_has_room_again_shows_that_the_other_end_lives() {
    let mut world = World::new(true);
    world.probe = 0;
    world.connection.accepted = 1_000_000;
    for _ in 0..100 {
        // A long message on a slow way.
        world.connection.sent += 5_000;
        world.pass(2);
    }
    assert!(world.log.is_empty(), "{:?}", world.log);
    world.pass(30);
    assert_eq!(world.log, [(204, PROBE), (213, given_up(14))]);
}

#[test]
fn a_kernel_that_takes_more_and_was_never_full_shows_nothing() {
    let mut world = World::new(false);
    for _ in 0..30 {
        world.send(10);
        world.pass(1);
    }
    assert_eq!(world.log, [(5, PROBE), (14, given_up(14))]);
}

#[test]
fn time_in_which_nobody_looked_is_no_silence() {
    let mut world = World::new(true);
    world.pass(4);
    world.now += Duration::from_secs(12);
    world.look();
    assert_eq!(world.log, [(16, PROBE)], "of the gap one second counts");
    world.pass(3);
    world.now += Duration::from_hours(1);
    world.look();
    world.receive();
    world.pass(4);
    assert_eq!(world.log.len(), 1, "{:?}", world.log);
}

#[test]
fn looks_that_are_a_little_late_count_in_full() {
    let mut world = World::new(true);
    for _ in 0..10 {
        world.now += Duration::from_millis(1_900);
        world.look();
    }
    let orders: Vec<_> = world.log.into_iter().map(|(at, _)| at).collect();
    assert_eq!(orders, [5, 15]);
}

#[test]
fn a_connection_that_has_ended_is_forgotten_and_without_any_nothing_is_looked_at() {
    let mut world = World::new(true);
    world.pass(4);
    let nothing = LivenessInput::Looked(Vec::new());
    world.liveness.handle(world.now, nothing);
    assert_eq!(world.liveness.poll(), LivenessOutput::Wait(None));
    world.pass(5);
    assert!(world.log.is_empty(), "it is another one: {:?}", world.log);
    world.pass(1);
    assert_eq!(world.log, [(10, PROBE)]);
}

#[test]
fn a_probe_of_a_connection_that_is_gone_is_no_matter() {
    let mut liveness = Liveness::new(LivenessConfig::default());
    let input = LivenessInput::Probed {
        connection: 1,
        accepted: 1,
    };
    liveness.handle(Instant::now(), input);
    assert_eq!(liveness.poll(), LivenessOutput::Wait(None));
}
