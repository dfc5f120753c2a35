//! Clusters of nodes in Python and one in Rust, the program of `examples/rust-node`: whatever becomes of that
//! one, clients of both languages reach all entities, and all nodes agree in the end.

use std::time::{Duration, Instant};

use casty_client::Compression;
use tokio::time::sleep;

use crate::app::{GetCount, GetNode, Increment, Next};
use crate::clients::close;
use crate::cluster::{Position, PythonCluster};
use crate::command::rust_node;
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::serializer::Serializer;
use crate::transport::Transport;
use crate::version::Feature;

mod passing;
mod reach;

use passing::pass_on;
use reach::{Clients, shares};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("a_rust_member_follows_and_hosts_entities", 120, |context| {
        Box::pin(follows(context))
    })
    .core(),
    Scenario::new(
        "a_rust_member_leads_and_ends_no_singleton_that_it_runs",
        120,
        |context| Box::pin(leads(context)),
    )
    .core(),
    Scenario::new("python_nodes_join_a_rust_member", 120, |context| {
        Box::pin(is_joined(context))
    })
    .core(),
    Scenario::new(
        "a_rust_member_that_joins_last_takes_no_entity_away",
        120,
        |context| Box::pin(joins_last(context)),
    )
    .core(),
    Scenario::new(
        "a_rust_member_starts_at_the_same_moment_as_a_python_node",
        120,
        |context| Box::pin(starts_beside(context)),
    ),
    Scenario::new(
        "a_rust_member_with_a_host_name_never_leads",
        120,
        |context| Box::pin(named(context)),
    ),
    Scenario::new("a_rust_member_compresses_as_nodes_do", 120, |context| {
        Box::pin(compressed(context))
    })
    .needs(&[Feature::Serializers]),
    Scenario::new(
        "entities_of_a_killed_rust_member_answer_from_a_python_node",
        150,
        |context| Box::pin(killed(context)),
    )
    .core(),
    Scenario::new(
        "a_python_node_that_is_killed_beside_a_rust_member_stays_dead",
        150,
        |context| Box::pin(outlives(context)),
    )
    .core(),
    Scenario::new("a_rust_member_goes_on_after_a_stop", 150, |context| {
        Box::pin(stopped(context))
    }),
    Scenario::new(
        "a_rust_member_that_restarts_at_once_is_taken_in",
        150,
        |context| Box::pin(restarted(context)),
    )
    .core(),
    Scenario::new(
        "a_rust_member_that_leaves_is_missed_at_once",
        150,
        |context| Box::pin(leaves(context)),
    ),
];

/// The index of the node in Rust among three.
const RUST: usize = 2;
/// The time for which it is stopped, longer than the others take to call it dead.
const STOPPED: Duration = Duration::from_secs(4);

/// Leaves a scenario out where it cannot be run, or need not. `for_all` has it run with every serializer.
fn check(context: &Context, for_all: bool) -> Result<(), Failure> {
    match (context.link().transport(), context.serializer()) {
        (Transport::Quic, _) => LeftOut::because("members dial each other by TCP and TLS"),
        (Transport::Tls, _) if !context.version().has(Feature::ClientTls) => {
            LeftOut::because("Python's client, which is asked too, knows no TLS")
        }
        (_, Serializer::Pickle) => Ok(()),
        _ if for_all => Ok(()),
        // For the time that nodes take to start.
        _ => LeftOut::because("left to pickle"),
    }
}

/// Reserves a cluster whose last node is in Rust.
async fn mixed(context: &Context, nodes: usize) -> Result<PythonCluster, Failure> {
    let cluster = context.reserve(nodes).await?.hosting(&["counter"]);
    Ok(cluster.with_rust_node(nodes - 1, rust_node()?))
}

async fn follows(context: Context) -> Result<Figures, Failure> {
    check(&context, true)?;
    let cluster = mixed(&context, 3).await?.ordered(RUST, Position::Last);
    hosted(&context, cluster, &[0, 1, RUST]).await
}

/// Starts all nodes in this order, and has clients reach entities on the one in Rust, and by way of it what is
/// elsewhere.
async fn hosted(
    context: &Context,
    mut cluster: PythonCluster,
    order: &[usize],
) -> Result<Figures, Failure> {
    cluster.launch_in_order(order).await?;
    let clients = Clients::connect(context, &cluster, &[0]).await?;
    clients.members(3).await?;
    let nodes = clients.reach_on(&cluster, (RUST, "any")).await?;
    pass_on(clients.client(), &cluster.addresses()[RUST], 3).await?;
    clients.end(cluster).await?;
    Ok(shares(&nodes))
}

async fn leads(context: Context) -> Result<Figures, Failure> {
    check(&context, true)?;
    let mut cluster = mixed(&context, 3).await?.ordered(RUST, Position::First);
    cluster.launch().await?;
    let clients = Clients::connect(&context, &cluster, &[0, 1, RUST]).await?;
    clients.members(3).await?;
    leader_is(&clients, &cluster, RUST)?;
    let nodes = clients.reach_on(&cluster, (RUST, "led")).await?;
    let client = clients.client();
    let numbers = client.singleton::<Next>("numbers")?;
    let answer: String = numbers.ask(|reply_to| Next { reply_to }).await?;
    // A node in Python passes it on.
    let standby = &cluster.addresses()[0];
    let standby = client.actor_on::<Next>(standby, "/_singleton-numbers")?;
    let passed_on: String = standby.ask(|reply_to| Next { reply_to }).await?;
    if (answer.as_str(), passed_on.as_str()) != ("n2 1", "n2 2") {
        return Err(format!("the singleton answers {answer:?} and {passed_on:?}").into());
    }
    let all = client.broadcast::<GetNode>("witness")?;
    let asked = all.ask_all(|reply_to| GetNode { reply_to })?;
    let asked = asked.gather().await;
    if asked.replies.len() != 3 {
        return Err(format!("the broadcast answers {asked:?}").into());
    }
    clients.end(cluster).await?;
    Ok(format!(
        "{}; singleton and broadcast answer",
        shares(&nodes)
    ))
}

/// Checks which node leads in the view of the client.
fn leader_is(clients: &Clients, cluster: &PythonCluster, index: usize) -> Result<(), Failure> {
    let view = clients.client().topology().current();
    let leader = view.as_ref().and_then(|view| view.leader());
    if leader == cluster.addresses().get(index) {
        return Ok(());
    }
    Err(format!("{leader:?} leads, and not n{index}").into())
}

async fn is_joined(context: Context) -> Result<Figures, Failure> {
    check(&context, true)?;
    let cluster = mixed(&context, 3).await?;
    hosted(&context, cluster, &[RUST, 0, 1]).await
}

async fn joins_last(context: Context) -> Result<Figures, Failure> {
    const COUNTED: usize = 24;
    check(&context, true)?;
    let cluster = mixed(&context, 3).await?.ordered(RUST, Position::Last);
    let mut cluster = cluster.awaiting(2);
    cluster.launch_in_order(&[0, 1]).await?;
    let clients = Clients::connect(&context, &cluster, &[0]).await?;
    clients.members(2).await?;
    let region = clients.region();
    let counters: Vec<_> = (0..COUNTED)
        .map(|number| region.entity(format!("old-{number}")))
        .collect();
    for counter in &counters {
        counter.tell_wait(Increment { amount: 5 }).await?;
    }
    clients.reach(&cluster, "old").await?;
    cluster.join_at_once(&[RUST], &[0]).await?;
    clients.members(3).await?;
    let nodes = clients.reach_on(&cluster, (RUST, "new")).await?;
    for counter in &counters {
        let count: i64 = counter.ask(|reply_to| GetCount { reply_to }).await?;
        if count != 5 {
            return Err(format!("{counter:?} has forgotten what it was told: {count}").into());
        }
    }
    clients.end(cluster).await?;
    Ok(format!(
        "{COUNTED} counts kept; of new ones {}",
        shares(&nodes)
    ))
}

async fn starts_beside(context: Context) -> Result<Figures, Failure> {
    check(&context, true)?;
    let mut cluster = mixed(&context, 3).await?.awaiting(1);
    cluster.launch_in_order(&[0]).await?;
    cluster.join_at_once(&[1, RUST], &[0]).await?;
    let clients = Clients::connect(&context, &cluster, &[0]).await?;
    clients.members(3).await?;
    let nodes = clients.reach_on(&cluster, (RUST, "beside")).await?;
    clients.end(cluster).await?;
    Ok(shares(&nodes))
}

async fn named(context: Context) -> Result<Figures, Failure> {
    check(&context, false)?;
    if context.link().transport() == Transport::Tls {
        return LeftOut::because("the nodes' certificates are for addresses");
    }
    let cluster = mixed(&context, 3).await?.ordered(RUST, Position::First);
    let mut cluster = cluster.named(RUST, "localhost");
    cluster.launch_in_order(&[RUST, 0, 1]).await?;
    let clients = Clients::connect(&context, &cluster, &[0, 1, RUST]).await?;
    clients.members(3).await?;
    let pythons = &cluster.addresses()[..RUST];
    let first = usize::from(pythons[1] < pythons[0]);
    leader_is(&clients, &cluster, first)?;
    let nodes = clients.reach_on(&cluster, (RUST, "named")).await?;
    clients.end(cluster).await?;
    Ok(format!("n{first} leads; {}", shares(&nodes)))
}

async fn compressed(context: Context) -> Result<Figures, Failure> {
    check(&context, false)?;
    let cluster = mixed(&context, 3).await?;
    let cluster = cluster.compressing(Some(Compression::Lz4));
    hosted(&context, cluster, &[0, 1, RUST]).await
}

/// Beside one node in Python: two that survive may bring the dead one back into their views.
async fn killed(context: Context) -> Result<Figures, Failure> {
    check(&context, false)?;
    let mut cluster = mixed(&context, 2).await?.ordered(1, Position::Last);
    cluster.launch().await?;
    let clients = Clients::connect(&context, &cluster, &[0]).await?;
    clients.members(2).await?;
    clients.reach_on(&cluster, (1, "killed")).await?;
    let dead = cluster.addresses()[1].clone();
    cluster.kill(1).await?;
    let noticed = clients.dead(&dead).await?;
    let nodes = clients.reach(&cluster, "killed-0").await?;
    clients.end(cluster).await?;
    let noticed = noticed.as_secs_f64();
    Ok(format!("missed after {noticed:.1} s; {}", shares(&nodes)))
}

/// Of nodes in Python alone, the two that survive most often bring the dead one back.
async fn outlives(context: Context) -> Result<Figures, Failure> {
    check(&context, false)?;
    let mut cluster = mixed(&context, 3).await?.ordered(1, Position::Last);
    cluster.launch().await?;
    let clients = Clients::connect(&context, &cluster, &[0, RUST]).await?;
    clients.members(3).await?;
    clients.reach_on(&cluster, (1, "orphan")).await?;
    let dead = cluster.addresses()[1].clone();
    cluster.kill(1).await?;
    let noticed = clients.dead(&dead).await?;
    clients.agree().await?;
    let nodes = clients.reach(&cluster, "orphan-0").await?;
    if nodes.contains_key("n1") {
        return Err(format!("n1 was killed, and answers: {nodes:?}").into());
    }
    clients.end(cluster).await?;
    let noticed = noticed.as_secs_f64();
    Ok(format!("missed after {noticed:.1} s; {}", shares(&nodes)))
}

async fn stopped(context: Context) -> Result<Figures, Failure> {
    check(&context, false)?;
    let mut cluster = mixed(&context, 3).await?;
    cluster.launch().await?;
    let clients = Clients::connect(&context, &cluster, &[0, 1]).await?;
    clients.members(3).await?;
    clients.reach_on(&cluster, (RUST, "stopped")).await?;
    cluster.hang(RUST)?;
    sleep(STOPPED).await;
    cluster.resume(RUST)?;
    let resumed = Instant::now();
    clients.members(3).await?;
    clients.agree().await?;
    let back = resumed.elapsed().as_secs_f64();
    let nodes = clients.reach(&cluster, "stopped-0").await?;
    clients.end(cluster).await?;
    Ok(format!("all agree {back:.1} s later; {}", shares(&nodes)))
}

async fn restarted(context: Context) -> Result<Figures, Failure> {
    check(&context, false)?;
    let mut cluster = mixed(&context, 3).await?;
    cluster.launch().await?;
    let clients = Clients::connect(&context, &cluster, &[0, 1]).await?;
    clients.members(3).await?;
    clients.reach_on(&cluster, (RUST, "again")).await?;
    let begun = Instant::now();
    cluster.restart(RUST).await?;
    clients.members(3).await?;
    clients.agree().await?;
    let back = begun.elapsed().as_secs_f64();
    clients.reach(&cluster, "again-0").await?;
    let nodes = clients.reach_on(&cluster, (RUST, "later")).await?;
    clients.end(cluster).await?;
    Ok(format!("all agree {back:.1} s later; {}", shares(&nodes)))
}

async fn leaves(context: Context) -> Result<Figures, Failure> {
    check(&context, false)?;
    let mut cluster = mixed(&context, 3).await?;
    cluster.launch().await?;
    let clients = Clients::connect(&context, &cluster, &[0, 1]).await?;
    clients.members(3).await?;
    clients.reach_on(&cluster, (RUST, "left")).await?;
    let left = cluster.addresses()[RUST].clone();
    let begun = Instant::now();
    cluster.end(RUST).await?;
    clients.dead(&left).await?;
    let missed = begun.elapsed();
    let nodes = clients.reach(&cluster, "left-0").await?;
    clients.agree().await?;
    close(clients.client()).await?;
    cluster.stop().await?;
    if missed > Duration::from_secs(3) || nodes.contains_key("n2") {
        return Err(format!("missed after {missed:?}; {}", shares(&nodes)).into());
    }
    let missed = missed.as_secs_f64();
    Ok(format!("missed after {missed:.1} s; {}", shares(&nodes)))
}
