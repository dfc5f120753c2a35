//! Entities, as they are written for tests.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::context::Context;

/// The behaviour and the state of one entity.
///
/// A node makes one for each entity id it is sent a message for, and drops it when the node dies or
/// the shard moves away: state is gone then.
pub trait Entity: Send + 'static {
    /// The messages that it understands: an enum whose variants carry the dotted names of Python
    /// classes, or [`Value`](casty_proto::Value) for anything.
    ///
    /// Other messages are counted as malformed and skipped, as nodes skip what they cannot read.
    type Message: DeserializeOwned;

    /// Handles one message.
    ///
    /// Messages to one region of one node are handled one after the other; it must not block.
    fn receive(&mut self, message: Self::Message, context: &mut Context<'_>);
}

/// An entity made of a state and a closure; see [`stateful`].
pub struct Stateful<S, M, F> {
    state: S,
    receive: Arc<F>,
    message: PhantomData<fn(M)>,
}

/// Makes entities of a state, `initial` at first, and a closure that handles their messages.
///
/// The result is what [`ClusterBuilder::region`](crate::ClusterBuilder::region) takes.
#[must_use = "it makes nothing until it is given to a region"]
pub fn stateful<S, M, F>(
    initial: impl Fn() -> S + Send + Sync + 'static,
    receive: F,
) -> impl Fn() -> Stateful<S, M, F> + Send + Sync + 'static
where
    S: Send + 'static,
    M: DeserializeOwned + 'static,
    F: Fn(&mut S, M, &mut Context<'_>) + Send + Sync + 'static,
{
    let receive = Arc::new(receive);
    move || Stateful {
        state: initial(),
        receive: Arc::clone(&receive),
        message: PhantomData,
    }
}

impl<S, M, F> Entity for Stateful<S, M, F>
where
    S: Send + 'static,
    M: DeserializeOwned + 'static,
    F: Fn(&mut S, M, &mut Context<'_>) + Send + Sync + 'static,
{
    type Message = M;

    fn receive(&mut self, message: M, context: &mut Context<'_>) {
        (self.receive)(&mut self.state, message, context);
    }
}

impl<S: fmt::Debug, M, F> fmt::Debug for Stateful<S, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stateful")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
