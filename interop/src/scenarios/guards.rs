//! `casty guard` beside real nodes: who is killed stays dead, and who lives is not called dead.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::app::GetNode;
use crate::clients::{close, connect, entity_on_each_node};
use crate::cluster::SHARDS;
use crate::guard::{Evidence, Guard, Lost, OneWay, Victim, settled, trial};
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::serializer::Serializer;
use crate::transport::Transport;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "beside_a_guard_entities_of_a_killed_node_answer_elsewhere_within_five_seconds",
        120,
        |context| Box::pin(outlived(context)),
    ),
    Scenario::new(
        "a_node_that_only_the_guard_cannot_reach_is_not_called_dead",
        120,
        |context| Box::pin(one_way(context)),
    ),
];

/// The time for which a way is lost: several times that in which a node that is silent is called dead.
const LOST: Duration = Duration::from_secs(7);

/// Returns why a scenario is not run; `None` if it is.
fn left_out(context: &Context) -> Option<Figures> {
    let is_run =
        context.serializer() == Serializer::Pickle && context.link().transport() == Transport::Tcp;
    // For the time that it takes.
    (!is_run).then(|| "left to pickle over tcp".to_owned())
}

async fn outlived(context: Context) -> Result<Figures, Failure> {
    if let Some(reason) = left_out(&context) {
        return Ok(reason);
    }
    let mut figures = Vec::new();
    for victim in [Victim::Follower, Victim::Leader] {
        let label = format!("outlived-{victim:?}");
        let guard = Some(Evidence::Stillness);
        let recovery = trial(context.python().clone(), label, victim, guard).await?;
        if !recovery.is_in_time() {
            return Err(format!("{victim:?} killed: {recovery}").into());
        }
        figures.push(format!("{victim:?}: {recovery}"));
    }
    Ok(figures.join("; "))
}

async fn one_way(context: Context) -> Result<Figures, Failure> {
    if let Some(reason) = left_out(&context) {
        return Ok(reason);
    }
    let mut cluster = context.reserve(3).await?.hosting(&["counter"]);
    cluster.launch().await?;
    let index = cluster.follower();
    let node = cluster.addresses()[index].clone();
    let link = OneWay::before(&node).await?;
    let guard = Guard::behind(&link, &cluster, Evidence::Stillness).await?;
    let client = connect(&cluster).await?;
    let region = client.region("counter", SHARDS)?;
    let entities = entity_on_each_node(&cluster, &region, "one-way").await?;
    let entity = entities.get(index).ok_or("no entity on the node")?;
    let mut asks = 0;
    for lost in [Lost::FromNode, Lost::ToNode] {
        settled(&client, cluster.addresses().len() + 1).await?;
        let unheard = guard.told("unheard", &node);
        link.lose(lost);
        let begun = Instant::now();
        while begun.elapsed() < LOST {
            let answer: String = entity.ask(|reply_to| GetNode { reply_to }).await?;
            let is_live = client
                .topology()
                .current()
                .is_some_and(|view| view.is_live(&node));
            if !is_live || answer != format!("n{index}") {
                return Err(
                    format!("{lost:?} lost: {node} is called dead, and {answer} answers").into(),
                );
            }
            asks += 1;
            sleep(Duration::from_millis(20)).await;
        }
        if guard.told("unheard", &node) == unheard || guard.told("silent", &node) > 0 {
            return Err(format!("{lost:?} lost: {}", guard.events()).into());
        }
        link.lose(Lost::Neither);
    }
    close(&client).await?;
    guard.stop().await?;
    cluster.stop().await?;
    Ok(format!(
        "{asks} asks answered by the node that the guard did not hear"
    ))
}
