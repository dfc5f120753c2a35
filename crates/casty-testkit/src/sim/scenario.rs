//! The project's own scenario: clients that talk all the time, faults of a few kinds, then none,
//! and everything has to work again.

use std::sync::Arc;
use std::time::Duration;

use casty_client::ClusterClient;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::checks::Check;
use super::world::World;
use super::{Fault, Report, run};

mod events;
mod oracle;
mod plan;
mod workload;

use events::Inbox;
use oracle::{REGION, SERVICE, Witness};
use plan::Plan;
use workload::{Talker, ask_once, hear_once};

/// How long after the last fault everything has to work again: the grudges that nodes bear against
/// addresses last 5 s, and may begin when the last fault ends; then an attempt has to come round.
const RECOVERY: Duration = Duration::from_secs(12);
/// The same where nodes were replaced: clients wait 10 s for a node that views do not name any more
/// and that says nothing, then dial it, for 2 s, and then ask who has its shards.
const RECOVERY_OF_REPLACED: Duration = Duration::from_secs(15);

/// Runs the project's own scenario for a seed, which also chooses the faults: how many nodes and
/// clients there are, what they say, and what goes wrong. `trace`: the report has the whole log.
pub fn run_scenario(seed: u64, trace: bool) -> Report {
    run(seed, trace, |world| scenario(world, None))
}

/// The same with faults of these kinds only.
pub fn run_scenario_against(seed: u64, trace: bool, faults: Vec<Fault>) -> Report {
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
        match connect(&world, &plan, &witness, number).await {
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
    let calm = plan.faults.is_empty();
    witness.judge(calm);
    if calm {
        let closed = plan.closes_early.then(|| plan.clients as u64 - 1);
        witness.events.judge(closed).await;
    }
}

/// A client of a world, and its actor.
type Client = (ClusterClient, Inbox);

async fn connect(
    world: &World,
    plan: &Plan,
    witness: &Witness,
    number: usize,
) -> Result<Client, String> {
    let configure = |builder| plan.client(number, builder);
    let client = if plan.by_name {
        world.connect_by_name(configure).await
    } else {
        world.connect(configure).await
    };
    let client = client.map_err(|error| error.to_string())?;
    let inbox = Inbox::open(&client, number as u64, &witness.events)?;
    Ok((client, inbox))
}

/// Closes the last client in the middle of everything, if that is planned.
async fn closing_early(world: &World, plan: &Plan, clients: &[Client]) {
    let Some((client, _)) = clients.last().filter(|_| plan.closes_early) else {
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

/// No fault is left: every client reaches every entity and service again, what it tells arrives,
/// and what entities send to its actor.
async fn recover(world: &World, plan: &Plan, witness: &Arc<Witness>, clients: &[Client]) {
    let healed = Instant::now();
    let replacing = [Fault::Replace, Fault::Renumber];
    let replaced = replacing.iter().any(|fault| plan.faults.contains(fault));
    let bound = if replaced {
        RECOVERY_OF_REPLACED
    } else {
        RECOVERY
    };
    let mut asking = JoinSet::new();
    for (client, inbox) in clients {
        for entity in 0..plan.entities {
            let (client, inbox) = (client.clone(), inbox.clone());
            let (world, witness) = (world.clone(), Arc::clone(witness));
            let place = (plan.shards, entity);
            asking.spawn(async move {
                let end = healed + bound;
                let mut asked = Err(String::from("not asked"));
                let mut heard = Err(String::from("not heard"));
                while Instant::now() < end {
                    if asked.is_err() {
                        asked = ask_once(&client, &witness, place).await;
                    } else {
                        heard = hear_once(&client, (&world, &witness, &inbox), place).await;
                    }
                    if heard.is_ok() {
                        return None;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let (client, outcome) = (client.identity(), asked.and(heard));
                Some(format!("{client} to entity {entity}: {outcome:?}"))
            });
        }
    }
    while let Some(failure) = asking.join_next().await {
        if let Ok(Some(failure)) = failure {
            world.violated(Check::Recovery, failure);
        }
    }
    world.log(format_args!("recovered after {:?}", healed.elapsed()));
    let told = workload::tell_everywhere(world, plan, witness, clients).await;
    let arrived = || witness.has_all(&told);
    if !world.wait_until(Duration::from_secs(3), arrived).await {
        let missing = witness.missing(&told);
        world.violated(Check::Arrival, format!("{missing} of {}", told.len()));
    }
}
