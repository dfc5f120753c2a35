//! Failures as whoever runs worlds is told of them: a service that fails on purpose.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::process::Command;

use super::*;

/// Asks on and on, and gives up at the first ask that fails, which no service should.
async fn impatient(world: &World, answers: &Cell<u32>) {
    let client = world.connect(|it| it).await.unwrap();
    let alice = client.region("r", 1).unwrap().entity("alice");
    loop {
        let ask = alice.ask::<_, i64>(|reply_to| Get { reply_to });
        if let Err(error) = ask.within(Duration::from_millis(800)).await {
            return world.report(format!("alice is away: {error}"));
        }
        answers.set(answers.get() + 1);
    }
}

/// Has a fault happen that the service bears, one that it does not, and one when it has failed.
async fn frail(world: World) {
    let answer = |seven: &mut i64, get: Get, context: &mut crate::Context<'_>| {
        context.reply(&get.reply_to, seven);
    };
    let lone = crate::Cluster::builder("frail").nodes(1);
    let lone = lone.region("r", 1, crate::stateful(|| 7, answer));
    world.start(lone).await.unwrap();
    let answers = Cell::new(0);
    let faults = async {
        let lasting = Duration::from_millis(400);
        assert!(world.wait_until(20 * lasting, || answers.get() > 50).await);
        world.inflict(Fault::Delay, 0, lasting).await;
        world.inflict(Fault::Kill, 0, 4 * lasting).await;
    };
    tokio::join!(biased; impatient(&world, &answers), faults);
    world.inflict(Fault::Reset, 0, Duration::ZERO).await;
}

fn kinds(report: &Report) -> Vec<Fault> {
    report.faults.iter().map(|it| it.fault).collect()
}

#[test]
fn a_failure_names_the_faults_that_came_before_it_in_order_with_their_times() {
    let report = run(7, Trace::Last, frail);
    assert_eq!(kinds(&report), [Fault::Delay, Fault::Kill], "{report}");
    assert_eq!(report.fault_count, 3);
    let times: Vec<_> = report.faults.iter().map(|it| it.at).collect();
    assert!(times[0] < times[1] && times[1] < report.violations[0].at);
    assert_eq!(report.faults[1].lasting, Duration::from_millis(1_600));

    let told = report.to_string();
    let lines: Vec<_> = told.lines().collect();
    let [seed, violation, heading, delay, kill] = lines[..] else {
        panic!("{told}");
    };
    assert_eq!(seed, "seed 7");
    assert!(violation.starts_with("  Scenario at ") && violation.contains("alice is away"));
    assert_eq!(heading, "  2 faults before that, of 3 in all:");
    assert!(delay.starts_with("    Delay at 0."), "{delay}");
    assert!(delay.ends_with(" s, at node 0, for 400ms"), "{delay}");
    assert!(kill.starts_with("    Kill at 0."), "{kill}");
    assert!(kill.ends_with(" s, at node 0, for 1.6s"), "{kill}");
}

#[test]
fn a_world_without_faults_that_fails_says_that_there_were_none() {
    let report = run(7, Trace::Last, |world| async move {
        world.report("the account is overdrawn");
    });
    let told = report.to_string();
    assert!(
        told.ends_with("\n  0 faults before that, of 0 in all"),
        "{told}"
    );
}

#[test]
fn a_seed_that_fails_ends_the_run_with_few_lines_and_says_how_to_see_all() {
    let failed = catch_unwind(|| seeds(7..9, frail)).unwrap_err();
    let told = failed.downcast_ref::<String>().unwrap();
    assert!(told.starts_with("seed 7\n  Scenario at "), "{told}");
    assert!(told.contains("\n    Kill at "), "{told}");
    let all = "CASTY_SIM_SEED=7 and the same command show all:\n";
    let (above, log) = told.split_once(all).unwrap();
    assert!(
        above.lines().count() < 10 && log.lines().count() == 64,
        "{told}"
    );
}

#[test]
fn the_environment_has_one_seed_run_alone_with_its_whole_log() {
    if std::env::var_os(ONLY_SEED).is_some() {
        return seeds(0..100, frail);
    }
    // In a process of its own: others run worlds meanwhile.
    let ran = |seed: &str| {
        let mut again = Command::new(std::env::current_exe().unwrap());
        let test = "the_environment_has_one_seed_run_alone_with_its_whole_log";
        again.args(["--exact", &format!("sim::tests::failures::{test}")]);
        let output = again.env(ONLY_SEED, seed).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let told = ran("7");
    let whole = run(7, Trace::Whole, frail);
    assert!(whole.log.lines().count() > 64);
    assert!(
        told.contains(&whole.log) && told.contains(&whole.to_string()),
        "{told}"
    );
    assert!(!told.contains("seed 0"), "{told}");
    let told = ran("seven");
    assert!(told.contains("CASTY_SIM_SEED=seven is no number"), "{told}");
}
