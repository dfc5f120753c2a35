//! The barrier.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_proto::ActorRef;
use casty_proto::message::structures::barrier::{BarrierArrive, BarrierReply, DestroyBarrier};
use casty_routing::ShardCount;
use serde::Deserialize;

use crate::context::Context;
use crate::entity::stateful;
use crate::region::RegionPlan;

#[derive(Deserialize)]
enum Message {
    #[serde(rename = "casty.distributed.barrier.BarrierArrive")]
    Arrive(BarrierArrive),
    #[serde(rename = "casty.distributed.barrier.DestroyBarrier")]
    Destroy(DestroyBarrier),
}

/// The arrivals that wait, by the names that they gave: of one name, the last.
type Waiting = BTreeMap<String, ActorRef<BarrierReply>>;

/// Makes barriers.
pub(super) fn entities(region: Arc<str>, shards: ShardCount) -> RegionPlan {
    let make = stateful(
        Waiting::new,
        |waiting: &mut Waiting, message, context: &mut Context<'_>| match message {
            Message::Arrive(BarrierArrive {
                node,
                expected,
                reply_to,
            }) => {
                waiting.insert(node, reply_to);
                if waiting.len() >= expected as usize {
                    for reply_to in std::mem::take(waiting).into_values() {
                        context.reply(&reply_to, &BarrierReply::Released {});
                    }
                }
            }
            Message::Destroy(DestroyBarrier { reply_to }) => {
                context.reply(&reply_to, &true);
                context.stop();
            }
        },
    );
    RegionPlan::new(region, shards, make)
}
