//! The messages of the application, which are those of the real-cluster suite's nodes, so that the
//! same load runs on fake nodes and on real ones.

use casty_client::ActorRef;
use casty_testkit::Context;
use serde::{Deserialize, Serialize};

/// The region that all entities belong to.
pub(crate) const REGION: &str = "counter";

/// The service that is looked up.
pub(crate) const SERVICE: &str = "greeter";

/// The messages that an entity understands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Counter {
    #[serde(rename = "counter_app.messages.Increment")]
    Increment { amount: i64 },
    #[serde(rename = "counter_app.messages.GetCount")]
    GetCount { reply_to: ActorRef<i64> },
    /// Asks to be sent `count` events, numbered from 0.
    #[serde(rename = "counter_app.messages.SendTo")]
    SendTo { target: ActorRef<Event>, count: u32 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.Event")]
pub(crate) struct Event {
    pub(crate) seq: u32,
    pub(crate) text: String,
}

/// The message that the service understands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.Greet")]
pub(crate) struct Greet {
    pub(crate) name: String,
    pub(crate) reply_to: ActorRef<String>,
}

/// Handles a message as an entity of a real node does.
pub(crate) fn receive(count: &mut i64, message: Counter, context: &mut Context<'_>) {
    match message {
        Counter::Increment { amount } => *count += amount,
        Counter::GetCount { reply_to } => context.reply(&reply_to, count),
        Counter::SendTo { target, count } => {
            for seq in 0..count {
                let text = format!("{}-{seq}", context.entity_id());
                context.reply(&target, &Event { seq, text });
            }
        }
    }
}

/// Handles a message as the service of a real node does.
#[expect(clippy::needless_pass_by_value, reason = "a service is given messages")]
pub(crate) fn greet(message: Greet, context: &mut Context<'_>) {
    let greeting = format!("Hello {} from n{}", message.name, context.node());
    context.reply(&message.reply_to, &greeting);
}
