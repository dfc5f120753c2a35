//! The judgement of nodes that gossip, once all faults are over.

use std::time::Duration;

use tokio::time::Instant;

use crate::sim::violation::Check;
use crate::sim::world::World;

/// The time in which nodes have to agree: a member is judged after some seconds of silence, one that joins
/// is given 5 s, and their gossip goes round once a second.
const AGREEMENT: Duration = Duration::from_secs(15);
/// The time for which they have to go on to agree.
const LASTING: Duration = Duration::from_secs(5);

/// Checks that the nodes agree in time, and then go on to. At once if they share a table.
///
/// What was heard before the last fault was over may still part them for a moment: then they have to agree anew,
/// within the same time.
pub(super) async fn judge(world: &World) {
    let cluster = world.cluster();
    if !cluster.gossips() {
        return;
    }
    let begun = Instant::now();
    let agree = || cluster.disagreement().is_none();
    while world
        .wait_until(AGREEMENT.saturating_sub(begun.elapsed()), agree)
        .await
    {
        if !world.wait_until(LASTING, || !agree()).await {
            return;
        }
    }
    if let Some(what) = cluster.disagreement() {
        world.violated(Check::Agreement, what);
    }
}
