//! Actors that no key leads to: a singleton, a broadcast's, one by its path.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use casty_client::{ActorContext, ActorRef, AskError};

use crate::app::{AskOn, GetNode, Greet, Next};
use crate::clients::{builder, close, connect};
use crate::cluster::PythonCluster;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "a_singleton_answers_at_the_leader_and_at_the_next_one_when_that_is_killed",
        120,
        |context| Box::pin(singleton(context)),
    ),
    Scenario::new(
        "all_members_are_asked_and_the_one_that_is_paused_is_named",
        120,
        |context| Box::pin(broadcast(context)),
    )
    .core(),
    Scenario::new(
        "a_python_actor_asks_an_actor_of_the_client",
        60,
        |context| Box::pin(asked_by_python(context)),
    )
    .core(),
];

/// The time in which the nodes notice that their leader is dead, and the next one takes over.
const FAILOVER: Duration = Duration::from_secs(45);

async fn singleton(context: Context) -> Result<Figures, Failure> {
    // Of three nodes of 0.21.0 the two survivors may bring the dead one back into their views, as the
    // leader that it was.
    let mut cluster = context.reserve(2).await?.hosting(&["counter"]);
    cluster.launch().await?;
    let (leader, next) = (cluster.leader(), cluster.follower());
    let client = connect(&cluster).await?;
    client.ready(Duration::from_secs(20)).await?;
    let numbers = client.singleton::<Next>("numbers")?;
    for count in 1..=3 {
        let answer = numbers.ask(|reply_to| Next { reply_to }).await?;
        expect(&answer, &format!("n{leader} {count}"))?;
    }
    // By way of the other node: it passes the message on, and the leader answers.
    let standby = &cluster.addresses()[next];
    let standby = client.actor_on::<Next>(standby, "/_singleton-numbers")?;
    let answer = standby.ask(|reply_to| Next { reply_to }).await?;
    expect(&answer, &format!("n{leader} 4"))?;
    cluster.kill(leader).await?;
    let killed = Instant::now();
    let until = killed + FAILOVER;
    let answer = loop {
        let ask = numbers.ask(|reply_to| Next { reply_to }).idempotent();
        let left = until.saturating_duration_since(Instant::now());
        match ask.attempts(40).within(left).await {
            Ok(answer) => break answer,
            // Of what was in the outbox of the dead leader nothing was sent.
            Err(AskError::NotSent(_)) if !left.is_zero() => {}
            Err(error) => return Err(error.into()),
        }
    };
    let took = killed.elapsed();
    // It began anew, and may have handled several copies.
    if !answer.starts_with(&format!("n{next} ")) {
        return Err(format!("after the failover {answer:?} answered").into());
    }
    numbers
        .tell_wait(Next {
            reply_to: nobody()?,
        })
        .await?;
    close(&client).await?;
    cluster.stop().await?;
    let took = took.as_secs_f64();
    Ok(format!(
        "asked at the leader, by the standby, and {took:.1} s after the leader was killed"
    ))
}

/// Returns a reference to which nothing comes back.
fn nobody() -> Result<ActorRef<String>, Failure> {
    Ok(ActorRef::new("casty://interop@127.0.0.1:1/nobody")?)
}

async fn broadcast(context: Context) -> Result<Figures, Failure> {
    let cluster = context.own_cluster(3).await?;
    let client = connect(&cluster).await?;
    client.ready(Duration::from_secs(20)).await?;
    let all = client.broadcast::<GetNode>("witness")?;
    let mut topology = client.topology();
    topology.wait_for(|_| all.members().len() == 3).await?;
    let ask = |reply_to: ActorRef<String>| GetNode { reply_to };
    let whole = all.ask_all(ask)?.gather().await;
    if !whole.missing.is_empty() || !right(&cluster, &whole.replies) || whole.replies.len() != 3 {
        return Err(format!("all run, and answered: {whole:?}").into());
    }
    let told = all
        .tell(GetNode {
            reply_to: nobody()?,
        })?
        .all()?;
    let paused = cluster.follower();
    cluster.hang(paused)?;
    let begun = Instant::now();
    // Shorter than the nodes need to notice.
    let asked = all
        .ask_all(ask)?
        .within(Duration::from_millis(900))
        .gather()
        .await;
    let took = begun.elapsed();
    cluster.resume(paused)?;
    let [(silent, AskError::Timeout { .. })] = &asked.missing[..] else {
        return Err(format!("one is paused, and these are silent: {asked:?}").into());
    };
    if *silent != cluster.addresses()[paused]
        || !right(&cluster, &asked.replies)
        || asked.replies.len() != 2
    {
        return Err(format!("node {paused} is paused: {asked:?}").into());
    }
    close(&client).await?;
    cluster.stop().await?;
    let took = took.as_secs_f64() * 1e3;
    Ok(format!(
        "{told} told; of 3 asked 2 answered, and the third was named after {took:.0} ms"
    ))
}

/// Returns whether each reply tells the node that it is said to be from.
fn right(cluster: &PythonCluster, replies: &[(casty_client::NodeAddress, String)]) -> bool {
    let nodes = cluster.addresses().iter().enumerate();
    let ids: BTreeMap<_, _> = nodes
        .map(|(index, node)| (node, format!("n{index}")))
        .collect();
    replies.iter().all(|(node, id)| ids.get(node) == Some(id))
}

async fn asked_by_python(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let all: Vec<_> = (0..cluster.addresses().len()).collect();
    let client = builder(cluster, &all).connect().await?;
    client.ready(Duration::from_secs(20)).await?;
    let greet = |greet: Greet, context: ActorContext<Greet>| async move {
        let greeting = format!("Hello {} from Rust", greet.name);
        // If it cannot be sent, the asker's own deadline ends the ask.
        context.tell(&greet.reply_to, greeting).unwrap_or_default();
    };
    let greeter = client.spawn(greet, "greeter-of-rust")?;
    let begun = Instant::now();
    for node in cluster.addresses() {
        let asker = client.actor_on::<AskOn>(node, "asker")?;
        for name in ["Ada", "Grace"] {
            let ask = asker.ask(|reply_to| AskOn {
                target: greeter.actor_ref(),
                name: name.to_owned(),
                reply_to,
            });
            expect(
                &ask.within(Duration::from_secs(15)).await?,
                &format!("Hello {name} from Rust"),
            )?;
        }
    }
    let took = begun.elapsed().as_secs_f64() * 1e3;
    close(&client).await?;
    Ok(format!(
        "2 asks by each of {} nodes answered, {took:.0} ms",
        cluster.addresses().len()
    ))
}

fn expect(answer: &str, expected: &str) -> Result<(), Failure> {
    if answer == expected {
        return Ok(());
    }
    Err(format!("{answer:?} instead of {expected:?}").into())
}
