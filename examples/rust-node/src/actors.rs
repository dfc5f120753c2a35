//! The actors of the member, the same as those of the real-cluster suite's nodes: messages bear the names of
//! Python's classes.

use std::sync::Arc;

use casty_proto::{ActorRef, Value};
use casty_testkit::{Context, Entity};
use serde::Deserialize;

/// An entity of the region `counter`.
#[derive(Debug)]
pub(crate) struct Counter {
    count: i64,
    node: Arc<str>,
}

impl Counter {
    /// Makes a counter on the node of that name.
    pub(crate) fn new(node: &Arc<str>) -> Self {
        let node = Arc::clone(node);
        Self { count: 0, node }
    }
}

/// The messages that a counter understands. Others are counted, and skipped.
#[derive(Debug, Deserialize)]
pub(crate) enum CounterMessage {
    /// Adds to the count.
    #[serde(rename = "counter_app.messages.Increment")]
    Increment { amount: i64 },
    /// Asks for the count.
    #[serde(rename = "counter_app.messages.GetCount")]
    GetCount { reply_to: ActorRef<i64> },
    /// Asks for what it holds.
    #[serde(rename = "counter_app.messages.Echo")]
    Echo {
        value: Value,
        reply_to: ActorRef<Value>,
    },
    /// Asks for the name of the node that the entity is on.
    #[serde(rename = "interop_app.messages.GetNode")]
    GetNode { reply_to: ActorRef<String> },
}

impl Entity for Counter {
    type Message = CounterMessage;

    fn receive(&mut self, message: CounterMessage, context: &mut Context<'_>) {
        match message {
            // Python's numbers have no end, and whoever sends them chooses them.
            CounterMessage::Increment { amount } => self.count = self.count.saturating_add(amount),
            CounterMessage::GetCount { reply_to } => context.reply(&reply_to, &self.count),
            CounterMessage::Echo { value, reply_to } => context.reply(&reply_to, &value),
            CounterMessage::GetNode { reply_to } => {
                context.reply(&reply_to, &self.node.to_string());
            }
        }
    }
}

/// The singleton `numbers`, which tells which node it is on, and how often it was asked there.
#[derive(Debug)]
pub(crate) struct Numbers {
    asked: u64,
    node: Arc<str>,
}

impl Numbers {
    /// Makes the singleton on the node of that name.
    pub(crate) fn new(node: &Arc<str>) -> Self {
        let node = Arc::clone(node);
        Self { asked: 0, node }
    }
}

/// The message that the singleton understands.
#[derive(Debug, Deserialize)]
pub(crate) enum NumbersMessage {
    /// Asks for the next number.
    #[serde(rename = "interop_app.messages.Next")]
    Next { reply_to: ActorRef<String> },
}

impl Entity for Numbers {
    type Message = NumbersMessage;

    fn receive(&mut self, message: NumbersMessage, context: &mut Context<'_>) {
        let NumbersMessage::Next { reply_to } = message;
        self.asked += 1;
        context.reply(&reply_to, &format!("{} {}", self.node, self.asked));
    }
}

/// The message that actors of the broadcast `witness` understand.
#[derive(Debug, Deserialize)]
pub(crate) enum WitnessMessage {
    /// Asks for the name of the node.
    #[serde(rename = "interop_app.messages.GetNode")]
    GetNode { reply_to: ActorRef<String> },
}

/// Handles a message to this node's actor of the broadcast.
pub(crate) fn witness(node: &Arc<str>, message: &WitnessMessage, context: &mut Context<'_>) {
    let WitnessMessage::GetNode { reply_to } = message;
    context.reply(reply_to, &node.to_string());
}
