//! The project's own scenario: clients that send all the time, faults of a few kinds, then none,
//! and everything has to work again.

use std::time::Duration;

use casty_client::{ClusterClient, Overflow};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fault::Fault;
use super::log::Trace;
use super::run::{Report, run};
use super::violation::Check;
use super::world::World;

mod beside;
mod deadline;
mod events;
mod hook;
mod members;
mod messages;
mod oracle;
mod plan;
mod streams;
mod structures;
mod workload;

use beside::Beside;
use events::Inbox;
use hook::Hook;
use oracle::Oracle;
use plan::Plan;
use workload::{Client, Stage, Target, Worker};

/// The time after the last fault in which everything has to work again: nodes blacklist addresses
/// for 5 s, which may begin when the last fault ends; then an attempt has to come round.
const RECOVERY: Duration = Duration::from_secs(12);
/// The same where nodes were replaced: clients wait 10 s for a silent node that views do not name
/// any more, then dial it, for 2 s, and once more, and then ask who has its shards. A view that says so
/// comes up to 2 s late, if it is a dial that has to find the node which has it.
const RECOVERY_OF_REPLACED: Duration = Duration::from_secs(18);
/// The same where nodes gossip, which have to find out who is dead first, and where the network forgot
/// connections: a client takes up to 16 s to give one up that is
/// silent, and a node may have blacklisted its address just before.
const RECOVERY_OF_FLOWS: Duration = Duration::from_secs(25);

/// Runs the project's own scenario for a seed.
///
/// The seed chooses everything: how many nodes and clients there are, their messages, and the
/// faults.
///
/// # Panics
/// It was called inside a tokio runtime: each world has its own.
#[must_use = "a check that failed is only in the report"]
pub fn run_scenario(seed: u64, trace: Trace) -> Report {
    run(seed, trace, |world| scenario(world, None))
}

/// Runs the project's own scenario for a seed, with faults of these kinds only.
///
/// # Panics
/// It was called inside a tokio runtime: each world has its own.
#[must_use = "a check that failed is only in the report"]
pub fn run_scenario_against(seed: u64, trace: Trace, faults: Vec<Fault>) -> Report {
    run(seed, trace, |world| scenario(world, Some(faults)))
}

async fn scenario(world: World, faults: Option<Vec<Fault>>) {
    let plan = Plan::draw(&world, faults);
    world.log(format_args!("plan {plan:?}"));
    let oracle = Oracle::new(&world);
    let beside = Beside::of(&world, &plan.faults);
    let mut builder = plan.cluster(&oracle);
    if let Some(beside) = &beside {
        builder = beside.host(builder, plan.nodes, plan.clients);
    }
    if let Err(error) = world.start(builder).await {
        return world.report(format!("no cluster: {error}"));
    }
    let stage = Stage { world, oracle };
    let Stage { world, oracle } = &stage;
    let mut clients = Vec::new();
    for number in 0..plan.clients {
        match connect(&stage, &plan, number).await {
            Ok(client) => clients.push(client),
            Err(error) => return world.report(format!("no client: {error}")),
        }
    }
    let end = Instant::now() + plan.chaos;
    let mut workers = JoinSet::new();
    for number in 0..plan.clients * plan.workers {
        let client = clients[number % clients.len()].clone();
        let worker = Worker::new(&stage, &plan, client, number);
        workers.spawn(worker.work(end));
    }
    if let Some(beside) = &beside {
        beside.begin(&plain(&clients), end, &mut workers);
    }
    let closing = closing_early(world, &plan, &clients, beside.as_ref());
    tokio::join!(world.chaos(&plan.faults, plan.chaos), closing);
    while workers.join_next().await.is_some() {}
    if plan.closes_early {
        clients.pop();
    }
    // Until nodes agree, an entity that a client reaches may be on its way to another node.
    members::judge(world).await;
    recover(&stage, &plan, &clients).await;
    if let Some(beside) = &beside {
        let (bound, closed) = (recovery(&plan), plan.closes_early);
        beside.judge(&plain(&clients), bound, closed).await;
    }
    let calm = plan.faults.is_empty();
    oracle.judge(calm);
    if calm {
        let closed = plan.closes_early.then(|| plan.clients as u64 - 1);
        oracle.events.judge(closed).await;
    }
}

/// Returns the clients without their actors.
fn plain(clients: &[Client]) -> Vec<ClusterClient> {
    clients.iter().map(|it| it.client.clone()).collect()
}

/// Connects a client, and starts its actor.
async fn connect(stage: &Stage, plan: &Plan, number: usize) -> Result<Client, String> {
    let Stage { world, oracle } = stage;
    let hook = Hook::new(number as u64, oracle);
    let configure = |builder| {
        let builder = plan.client(number, builder);
        match plan.limits.overflow {
            Overflow::DropOldest => hook.hang_on(builder),
            _ => builder,
        }
    };
    let client = if plan.by_name {
        world.connect_by_name(configure).await
    } else {
        world.connect(configure).await
    };
    let client = client.map_err(|error| error.to_string())?;
    hook.tell_through(&client, plan.shards)?;
    let inbox = Inbox::open(&client, number as u64, &oracle.events)?;
    Ok(Client { client, inbox })
}

/// Closes the last client in the middle of everything, if that is planned.
async fn closing_early(world: &World, plan: &Plan, clients: &[Client], beside: Option<&Beside>) {
    let Some(Client { client, .. }) = clients.last().filter(|_| plan.closes_early) else {
        return;
    };
    tokio::time::sleep(plan.chaos / 2).await;
    let (begun, jumped) = (Instant::now(), world.jumped());
    let timeout = world.random_time(0..1_000);
    if let Some(beside) = beside {
        beside.closes(clients.len() - 1);
    }
    let report = client.close(timeout).await;
    let took = world.lasted(begun, jumped);
    world.log(format_args!("closed early within {took:?}: {report}"));
    // What is left is closed within another second, and actors within one more.
    if took > timeout + Duration::from_millis(2_100) {
        world.violated(Check::Deadline, format!("a close took {took:?}"));
    }
}

/// Returns the time in which everything has to work again.
fn recovery(plan: &Plan) -> Duration {
    let replacing = [Fault::Replace, Fault::Renumber];
    if plan.faults.contains(&Fault::FlowLost) || plan.membership.is_some() {
        RECOVERY_OF_FLOWS
    } else if replacing.iter().any(|fault| plan.faults.contains(fault)) {
        RECOVERY_OF_REPLACED
    } else {
        RECOVERY
    }
}

/// Checks that everything works again now that no fault is left: every client reaches every entity
/// and service, what it tells arrives, and what entities send to its actor.
async fn recover(stage: &Stage, plan: &Plan, clients: &[Client]) {
    let Stage { world, oracle } = stage;
    let (healed, bound) = (Instant::now(), recovery(plan));
    let mut asking = JoinSet::new();
    for client in clients {
        for entity in 0..plan.entities {
            let target = Target {
                shards: plan.shards,
                entity,
            };
            let reached = reach(stage.clone(), client.clone(), target, healed + bound);
            asking.spawn(reached);
        }
    }
    while let Some(failure) = asking.join_next().await {
        if let Ok(Err(failure)) = failure {
            world.violated(Check::Recovery, failure);
        }
    }
    world.log(format_args!("recovered after {:?}", healed.elapsed()));
    if plan.faults.contains(&Fault::FlowLost) {
        // What is told on a connection that the network has forgotten is lost. By then clients have
        // given up all such.
        tokio::time::sleep_until(healed + bound).await;
    }
    let told = workload::tell_everywhere(stage, plan, clients).await;
    let arrived = || oracle.has_all(&told);
    if !world.wait_until(Duration::from_secs(3), arrived).await {
        let missing = oracle.missing(&told);
        world.violated(Check::Arrival, format!("{missing} of {}", told.len()));
    }
}

/// Asks an entity, and has it send to the client's actor, until both have worked once.
///
/// # Errors
/// They did not until `end`.
async fn reach(stage: Stage, client: Client, target: Target, end: Instant) -> Result<(), String> {
    let mut asked = Err(String::from("not asked"));
    let mut heard = Err(String::from("not heard"));
    while Instant::now() < end {
        if asked.is_err() {
            asked = workload::ask_once(&client.client, &stage.oracle, target).await;
        } else {
            heard = workload::hear_once(&client, &stage, target).await;
        }
        if heard.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (identity, outcome) = (client.client.identity(), asked.and(heard));
    Err(format!(
        "{identity} to entity {}: {outcome:?}",
        target.entity
    ))
}
