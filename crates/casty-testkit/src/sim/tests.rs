use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

mod failures;

#[test]
fn the_same_seed_gives_the_same_log_byte_for_byte() {
    for seed in 0..20 {
        let [first, second] = [(); 2].map(|()| run_scenario(seed, Trace::Whole));
        let mut lines = first.log.lines().zip(second.log.lines());
        if let Some((a, b)) = lines.find(|(a, b)| a != b) {
            panic!("seed {seed}:\n{a}\n{b}");
        }
        assert_eq!(first.digest, second.digest);
        assert_ne!(first.lines, 0);
    }
}

#[test]
fn a_seed_gives_the_same_log_on_every_thread() {
    let threads = (0..3).map(|_| std::thread::spawn(|| run_scenario(7, Trace::Last).digest));
    let threads: Vec<_> = threads.collect();
    let digests = threads.into_iter().map(|it| it.join().unwrap());
    let digests: BTreeSet<_> = digests.collect();
    assert_eq!(digests.len(), 1);
}

#[test]
fn seeds_that_once_found_something_find_nothing() {
    for named in REGRESSION_SEEDS {
        let report = run_scenario(named.seed, Trace::Last);
        assert!(report.is_fine(), "{}: {report}", named.name);
    }
}

#[test]
fn every_kind_of_fault_is_survived() {
    for fault in Fault::ALL {
        assert_eq!(fault.to_string().parse(), Ok(*fault));
        // The second world has structures and streams besides.
        for seed in [1, 4] {
            let report = run_scenario_against(seed, Trace::Whole, vec![*fault]);
            assert!(report.is_fine(), "{fault}: {report}");
            let begun = format!("fault {fault} at node");
            assert!(report.log.contains(&begun), "{fault} never happened");
        }
    }
}

#[test]
fn what_a_scenario_reports_fails_the_run_and_names_the_seed() {
    let report = run(9, Trace::Last, |world| async move {
        world.report("the account is overdrawn");
    });
    assert!(!report.is_fine());
    let told = report.to_string();
    assert!(told.starts_with("seed 9\n"), "{told}");
    assert!(told.contains("the account is overdrawn"), "{told}");
}

#[test]
fn a_panic_of_a_task_fails_the_run() {
    let report = run(9, Trace::Last, |_| async {
        tokio::spawn(async { panic!("on purpose") }).await.ok();
    });
    assert_eq!(report.violations[0].check, Check::Panic);
}

#[test]
fn a_task_that_is_left_behind_fails_the_run() {
    let report = run(9, Trace::Last, |_| async {
        tokio::spawn(std::future::pending::<()>());
    });
    assert_eq!(report.violations[0].check, Check::Tasks);
}

fn lone() -> crate::ClusterBuilder {
    let silent = |_: &mut i64, _: casty_proto::Value, _: &mut crate::Context<'_>| {};
    crate::Cluster::builder("lone")
        .nodes(1)
        .region("r", 1, crate::stateful(|| 0, silent))
}

#[test]
fn a_node_that_is_a_clients_only_way_in_is_not_replaced_unless_the_client_knows_a_name() {
    for by_name in [false, true] {
        let report = run(3, Trace::Last, |world| async move {
            world.start(lone()).await.unwrap();
            let client = if by_name {
                world.connect_by_name(|it| it).await
            } else {
                world.connect(|it| it).await
            };
            let client = client.unwrap();
            client.ready(Duration::from_secs(1)).await.unwrap();
            world.inflict(Fault::Replace, 0, Duration::ZERO).await;
            let nodes = world.cluster().status().nodes;
            assert_eq!(nodes.len(), 1 + usize::from(by_name));
            let last = nodes.len() - 1;
            let found = || world.cluster().status().nodes[last].subscribers == 1;
            assert!(world.wait_until(Duration::from_secs(15), found).await);
        });
        assert!(report.is_fine(), "{report}");
    }
}

#[test]
fn a_node_can_be_added_to_a_world() {
    let report = run(3, Trace::Last, |world| async move {
        world.start(lone()).await.unwrap();
        let client = world.connect(|it| it).await.unwrap();
        let at = casty_proto::NodeAddress::new("node-1", 25_520);
        assert_eq!(world.cluster().add(at).await.unwrap(), 1);
        let connected = || client.stats().connections == 2;
        assert!(world.wait_until(Duration::from_secs(5), connected).await);
    });
    assert!(report.is_fine(), "{report}");
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "r.Get")]
struct Get {
    reply_to: casty_proto::ActorRef<i64>,
}

#[test]
fn a_client_with_another_shard_count_is_seen_and_keeps_no_right_one_from_being_answered() {
    let report = run(3, Trace::Last, |world| async move {
        let answer = |seven: &mut i64, get: Get, context: &mut crate::Context<'_>| {
            context.reply(&get.reply_to, seven);
        };
        let cluster = crate::Cluster::builder("counts").nodes(3);
        let cluster = cluster.region("r", 8, crate::stateful(|| 7, answer));
        world.start(cluster).await.unwrap();
        let client = world.connect(|it| it).await.unwrap();
        let region = client.region("r", 8).unwrap();
        let ask_all = async || {
            for number in 0..60 {
                let entity = region.entity(format!("entity-{number}"));
                let answer: i64 = entity.ask(|reply_to| Get { reply_to }).await.unwrap();
                assert_eq!(answer, 7);
            }
        };
        ask_all().await;
        let fault = Fault::OtherShardCount;
        world.inflict(fault, 0, Duration::ZERO).await;
        let seen = || region.contradiction().is_some();
        assert!(world.wait_until(Duration::from_secs(5), seen).await);
        ask_all().await;
    });
    assert!(report.is_fine(), "{report}");
}
