//! Maps, sets and queues.

use std::collections::VecDeque;
use std::sync::Arc;

use casty_proto::Value;
use casty_proto::message::structures::dict::{Contains, Delete, Get, Put};
use casty_proto::message::structures::queue::{Dequeue, DestroyQueue, Enqueue, Peek, QueueSize};
use casty_proto::message::structures::set::{Add, DestroySet, Remove, SetContains, SetSize};
use casty_routing::ShardCount;
use serde::Deserialize;

use crate::context::Context;
use crate::entity::stateful;
use crate::region::RegionPlan;

#[derive(Deserialize)]
enum ToEntry {
    #[serde(rename = "casty.distributed.dict.Put")]
    Put(Put<Value>),
    #[serde(rename = "casty.distributed.dict.Get")]
    Get(Get<Value>),
    #[serde(rename = "casty.distributed.dict.Delete")]
    Delete(Delete),
    #[serde(rename = "casty.distributed.dict.Contains")]
    Contains(Contains),
}

/// Makes the entries of a map, one for each key.
pub(super) fn entries(region: Arc<str>, shards: ShardCount) -> RegionPlan {
    let make = stateful(
        || Value::None,
        |entry: &mut Value, message, context: &mut Context<'_>| match message {
            ToEntry::Put(Put { value, reply_to }) => {
                let before = std::mem::replace(entry, value);
                context.reply(&reply_to, &some(before));
            }
            ToEntry::Get(Get { reply_to }) => context.reply(&reply_to, &some(entry.clone())),
            ToEntry::Delete(Delete { reply_to }) => {
                context.reply(&reply_to, &!entry.is_none());
                context.stop();
            }
            ToEntry::Contains(Contains { reply_to }) => context.reply(&reply_to, &!entry.is_none()),
        },
    );
    RegionPlan::new(region, shards, make)
}

/// Returns a value unless it is `None`, which is what the wire has for none.
fn some(value: Value) -> Option<Value> {
    (!value.is_none()).then_some(value)
}

#[derive(Deserialize)]
enum ToSet {
    #[serde(rename = "casty.distributed.set.Add")]
    Add(Add<Value>),
    #[serde(rename = "casty.distributed.set.Remove")]
    Remove(Remove<Value>),
    #[serde(rename = "casty.distributed.set.SetContains")]
    Contains(SetContains<Value>),
    #[serde(rename = "casty.distributed.set.SetSize")]
    Size(SetSize),
    #[serde(rename = "casty.distributed.set.DestroySet")]
    Destroy(DestroySet),
}

impl ToSet {
    /// Returns the member that the message is about, if it is about one.
    fn member(&self) -> Option<&Value> {
        match self {
            Self::Add(Add { value, .. })
            | Self::Remove(Remove { value, .. })
            | Self::Contains(SetContains { value, .. }) => Some(value),
            Self::Size(_) | Self::Destroy(_) => None,
        }
    }

    /// Returns whether Python raises over the message: then a node ends the set, and answers nothing.
    fn raises(&self) -> bool {
        self.member()
            .is_some_and(|member| member.unhashable().is_some())
    }
}

/// Makes sets.
pub(super) fn sets(region: Arc<str>, shards: ShardCount) -> RegionPlan {
    let make = stateful(
        Vec::new,
        |members: &mut Vec<Value>, message: ToSet, context: &mut Context<'_>| match message {
            message if message.raises() => context.stop(),
            ToSet::Add(Add { value, reply_to }) => {
                let is_new = !members.contains(&value);
                if is_new {
                    members.push(value);
                }
                context.reply(&reply_to, &is_new);
            }
            ToSet::Remove(Remove { value, reply_to }) => {
                let place = members.iter().position(|member| *member == value);
                if let Some(place) = place {
                    members.swap_remove(place);
                }
                context.reply(&reply_to, &place.is_some());
            }
            ToSet::Contains(SetContains { value, reply_to }) => {
                context.reply(&reply_to, &members.contains(&value));
            }
            ToSet::Size(SetSize { reply_to }) => {
                context.reply(&reply_to, &(members.len() as u64));
            }
            ToSet::Destroy(DestroySet { reply_to }) => {
                context.reply(&reply_to, &true);
                context.stop();
            }
        },
    );
    RegionPlan::new(region, shards, make)
}

#[derive(Deserialize)]
enum ToQueue {
    #[serde(rename = "casty.distributed.queue.Enqueue")]
    Enqueue(Enqueue<Value>),
    #[serde(rename = "casty.distributed.queue.Dequeue")]
    Dequeue(Dequeue<Value>),
    #[serde(rename = "casty.distributed.queue.Peek")]
    Peek(Peek<Value>),
    #[serde(rename = "casty.distributed.queue.QueueSize")]
    Size(QueueSize),
    #[serde(rename = "casty.distributed.queue.DestroyQueue")]
    Destroy(DestroyQueue),
}

/// Makes queues.
pub(super) fn queues(region: Arc<str>, shards: ShardCount) -> RegionPlan {
    let make = stateful(
        VecDeque::new,
        |values: &mut VecDeque<Value>, message, context: &mut Context<'_>| match message {
            ToQueue::Enqueue(Enqueue { value, reply_to }) => {
                values.push_back(value);
                context.reply(&reply_to, &());
            }
            ToQueue::Dequeue(Dequeue { reply_to }) => {
                context.reply(&reply_to, &values.pop_front());
            }
            ToQueue::Peek(Peek { reply_to }) => {
                context.reply(&reply_to, &values.front().cloned());
            }
            ToQueue::Size(QueueSize { reply_to }) => {
                context.reply(&reply_to, &(values.len() as u64));
            }
            ToQueue::Destroy(DestroyQueue { reply_to }) => {
                context.reply(&reply_to, &true);
                context.stop();
            }
        },
    );
    RegionPlan::new(region, shards, make)
}
