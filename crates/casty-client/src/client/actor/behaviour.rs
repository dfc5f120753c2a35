//! The behaviour of an actor: its state, and its handling of messages.

use serde::de::DeserializeOwned;

use crate::client::actor::context::ActorContext;

/// The state of an actor of this client, and what it does with its messages: one after the other.
///
/// [`ActorBuilder::spawn`](crate::ActorBuilder::spawn) starts one. A handler that is an `async fn` may
/// borrow the state across its awaits; meanwhile messages wait in the mailbox.
///
/// ```
/// use casty_client::{Actor, ActorContext, ActorRef};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// enum Message {
///     #[serde(rename = "meter.Add")]
///     Add { amount: i64 },
///     #[serde(rename = "meter.Get")]
///     Get { reply_to: ActorRef<i64> },
/// }
///
/// #[derive(Default)]
/// struct Meter { sum: i64 }
///
/// impl Actor for Meter {
///     type Message = Message;
///
///     async fn handle(&mut self, message: Message, context: &ActorContext<Message>) {
///         match message {
///             Message::Add { amount } => self.sum += amount,
///             // Whoever asked, a node or this client, gets its reply like any message.
///             Message::Get { reply_to } => {
///                 context.tell(&reply_to, self.sum).ok();
///             }
///         }
///     }
/// }
/// ```
pub trait Actor: Send + 'static {
    /// The messages that it understands: an enum whose variants carry the dotted names of Python
    /// classes, or [`Value`](crate::Value) for anything. Others are dropped and counted.
    type Message: DeserializeOwned + Send + 'static;

    /// Handles one message. A panic ends the actor, unless it [is restarted](crate::RestartPolicy). Other
    /// tasks of its thread run when it awaits something that is not there, and at the latest after some
    /// hundred messages; what blocks its thread holds them all up.
    fn handle(
        &mut self,
        message: Self::Message,
        context: &ActorContext<Self::Message>,
    ) -> impl Future<Output = ()> + Send;
}

/// An actor made of a function, which owns what it needs.
pub(crate) struct Function<F, M, Fut> {
    handle: F,
    kind: std::marker::PhantomData<fn(M) -> Fut>,
}

impl<F, M, Fut> Function<F, M, Fut> {
    pub(crate) fn new(handle: F) -> Self {
        Self {
            handle,
            kind: std::marker::PhantomData,
        }
    }
}

impl<M, F, Fut> Actor for Function<F, M, Fut>
where
    M: DeserializeOwned + Send + 'static,
    F: FnMut(M, ActorContext<M>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    type Message = M;

    fn handle(&mut self, message: M, context: &ActorContext<M>) -> impl Future<Output = ()> + Send {
        (self.handle)(message, context.clone())
    }
}
