//! The project's own scenario: clients that talk all the time, faults of a few kinds, then none,
//! and everything has to work again.

use std::sync::Arc;
use std::time::Duration;

use casty_client::ClusterClient;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::watch::Check;
use super::world::World;
use super::{Fault, Report, run};

mod plan;
mod talk;
mod witness;

use plan::Plan;
use talk::{Talker, ask_once};
use witness::{REGION, SERVICE, Witness};

/// How long after the last fault everything has to work again: the grudges that nodes bear against
/// addresses last 5 s, and may begin when the last fault ends; then an attempt has to come round.
const RECOVERY: Duration = Duration::from_secs(12);

/// Runs the project's own scenario for a seed, which also chooses the faults: how many nodes and
/// clients there are, what they say, and what goes wrong. `trace`: the report has the whole log.
pub fn prove(seed: u64, trace: bool) -> Report {
    run(seed, trace, |world| scenario(world, None))
}

/// The same with faults of these kinds only.
pub fn prove_against(seed: u64, trace: bool, faults: Vec<Fault>) -> Report {
    run(seed, trace, |world| scenario(world, Some(faults)))
}

async fn scenario(world: World, faults: Option<Vec<Fault>>) {
    let plan = Plan::draw(&world, faults);
    world.log(format_args!("plan {plan:?}"));
    let witness = Witness::new(&world);
    let builder = plan.cluster(&witness);
    if let Err(error) = world.start(builder).await {
        return world.report(format!("no cluster: {error}"));
    }
    let mut clients = Vec::new();
    for number in 0..plan.clients {
        match world.connect(|builder| plan.client(number, builder)).await {
            Ok(client) => clients.push(client),
            Err(error) => return world.report(format!("no client: {error}")),
        }
    }
    let end = Instant::now() + plan.chaos;
    let mut talkers = JoinSet::new();
    for number in 0..plan.clients * plan.talkers {
        let client = clients[number % clients.len()].clone();
        let talker = Talker::new((&world, &witness, &plan), client, number);
        talkers.spawn(talker.talk(end));
    }
    let closing = closing_early(&world, &plan, &clients);
    tokio::join!(world.chaos(&plan.faults, plan.chaos), closing);
    while talkers.join_next().await.is_some() {}
    if plan.closes_early {
        clients.pop();
    }
    recover(&world, &plan, &witness, &clients).await;
    witness.judge(plan.faults.is_empty());
}

/// Closes the last client in the middle of everything, if that is planned.
async fn closing_early(world: &World, plan: &Plan, clients: &[ClusterClient]) {
    let Some(client) = clients.last().filter(|_| plan.closes_early) else {
        return;
    };
    tokio::time::sleep(plan.chaos / 2).await;
    let (begun, jumped) = (Instant::now(), world.jumped());
    let timeout = world.random_time(0..1_000);
    let report = client.close(timeout).await;
    let took = world.lasted(begun, jumped);
    world.log(format_args!("closed early within {took:?}: {report}"));
    // What is left is closed within another second, and actors within one more.
    if took > timeout + Duration::from_millis(2_100) {
        world.violated(Check::Deadline, format!("a close took {took:?}"));
    }
}

/// No fault is left: every client reaches every entity and service again, and what it tells
/// arrives.
async fn recover(world: &World, plan: &Plan, witness: &Arc<Witness>, clients: &[ClusterClient]) {
    let healed = Instant::now();
    let mut asking = JoinSet::new();
    for client in clients {
        for entity in 0..plan.entities {
            let (client, witness) = (client.clone(), Arc::clone(witness));
            let shards = plan.shards;
            asking.spawn(async move {
                let end = healed + RECOVERY;
                let mut outcome = String::from("not asked");
                while Instant::now() < end {
                    match ask_once(&client, &witness, (shards, entity)).await {
                        Ok(()) => return None,
                        Err(error) => outcome = error,
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Some(format!(
                    "{} to entity {entity}: {outcome}",
                    client.identity()
                ))
            });
        }
    }
    while let Some(failure) = asking.join_next().await {
        if let Ok(Some(failure)) = failure {
            world.violated(Check::Recovery, failure);
        }
    }
    world.log(format_args!("recovered after {:?}", healed.elapsed()));
    let told = talk::tell_everywhere(world, plan, witness, clients).await;
    let arrived = || witness.has_all(&told);
    if !world.wait_until(Duration::from_secs(3), arrived).await {
        let missing = witness.missing(&told);
        world.violated(Check::Arrival, format!("{missing} of {}", told.len()));
    }
}
