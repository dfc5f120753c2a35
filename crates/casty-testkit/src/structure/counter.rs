//! The counter.

use std::sync::Arc;

use casty_proto::message::structures::counter::{Decrement, DestroyCounter, GetValue, Increment};
use casty_routing::ShardCount;
use serde::Deserialize;

use crate::context::Context;
use crate::entity::stateful;
use crate::region::RegionPlan;

#[derive(Deserialize)]
enum Message {
    #[serde(rename = "casty.distributed.counter.Increment")]
    Increment(Increment),
    #[serde(rename = "casty.distributed.counter.Decrement")]
    Decrement(Decrement),
    #[serde(rename = "casty.distributed.counter.GetValue")]
    Get(GetValue),
    #[serde(rename = "casty.distributed.counter.DestroyCounter")]
    Destroy(DestroyCounter),
}

pub(super) fn entities(region: Arc<str>, shards: ShardCount) -> RegionPlan {
    let make = stateful(|| 0, receive);
    RegionPlan::new(region, shards, make)
}

fn receive(value: &mut i64, message: Message, context: &mut Context<'_>) {
    match message {
        Message::Increment(Increment { amount, reply_to }) => {
            *value = value.saturating_add(amount);
            context.reply(&reply_to, value);
        }
        Message::Decrement(Decrement { amount, reply_to }) => {
            *value = value.saturating_sub(amount);
            context.reply(&reply_to, value);
        }
        Message::Get(GetValue { reply_to }) => context.reply(&reply_to, value),
        Message::Destroy(DestroyCounter { reply_to }) => {
            context.reply(&reply_to, &true);
            context.stop();
        }
    }
}
