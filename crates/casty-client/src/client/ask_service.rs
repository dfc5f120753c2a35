//! Asks as a `tower` service.

use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};
use std::time::Duration;

use casty_proto::ActorRef;
use serde::de::DeserializeOwned;
use tower_service::Service;

use crate::ask::choice::AskChoice;
use crate::ask::reply::Reply;
use crate::client::{AskTarget, ClusterClient};

impl ClusterClient {
    /// Returns a [`tower` service](Service) that asks `target`, for stacks of layers: `message` makes the
    /// message of a request and the reference to reply to. `target` is whatever
    /// [`ask`](Self::ask) takes: a [`RegionRef`](crate::RegionRef), which takes envelopes, an entity, a
    /// reference to any actor, the singleton of a name, or the [`Picker`](crate::Picker) of a service. No
    /// network.
    ///
    /// ```
    /// # use casty_client::{ActorRef, AskError, ClusterClient, RegionRef, ShardEnvelope};
    /// # use serde::Serialize;
    /// # use tower::{Service, ServiceBuilder};
    /// #[derive(Serialize)]
    /// #[serde(rename = "bank.GetBalance")]
    /// struct GetBalance { reply_to: ActorRef<i64> }
    ///
    /// fn balances(client: &ClusterClient, accounts: RegionRef)
    /// -> impl Service<String, Response = i64, Error = AskError> {
    ///     let ask = client.service(accounts, |owner: String, reply_to| {
    ///         ShardEnvelope::new(owner, GetBalance { reply_to })
    ///     });
    ///     ServiceBuilder::new().concurrency_limit(256).service(ask.idempotent())
    /// }
    /// ```
    pub fn service<T, F, Q, M, R>(&self, target: T, message: F) -> AskService<T, F, R>
    where
        T: AskTarget<M>,
        F: Fn(Q, ActorRef<R>) -> M,
    {
        AskService {
            client: self.clone(),
            target,
            message,
            timeout: None,
            idempotent: false,
            reply: PhantomData,
        }
    }
}

/// A `tower` service whose calls are asks; made by [`ClusterClient::service`].
///
/// Its error is that of the ask: [`AskError`](crate::AskError), and
/// [`PickedError`](crate::PickedError) where a [`Picker`](crate::Picker) is asked.
///
/// It is always ready: a call that finds no place ends with an error that tells so, and `fate` says of
/// every error what may have become of the message, which is what a policy for retries needs. A layer that limits concurrency bounds what waits. A call sends at once, as
/// [`Ask::send`](crate::Ask::send) does, and its future borrows nothing.
///
/// It keeps the client: one is not ended before its services are dropped, or it is
/// [closed](ClusterClient::close).
pub struct AskService<T, F, R> {
    client: ClusterClient,
    target: T,
    message: F,
    timeout: Option<Duration>,
    idempotent: bool,
    reply: PhantomData<fn() -> R>,
}

impl<T, F, R> AskService<T, F, R> {
    /// Sets how long each call waits for its reply; see [`Ask::within`](crate::Ask::within). Default: the
    /// client's ask timeout, 5 s.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Marks the messages as ones that may be handled more than once without harm; see
    /// [`Ask::idempotent`](crate::Ask::idempotent). Default: each is sent once.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }
}

impl<T, F, Q, M, R> Service<Q> for AskService<T, F, R>
where
    T: AskTarget<M>,
    F: Fn(Q, ActorRef<R>) -> M,
    R: DeserializeOwned,
{
    type Response = R;
    type Error = <T::Choice as AskChoice>::Error;
    type Future = Reply<R, T::Choice>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> Reply<R, T::Choice> {
        let message = &self.message;
        let mut ask = self
            .client
            .ask(&self.target, |reply_to| message(request, reply_to));
        if let Some(timeout) = self.timeout {
            ask = ask.within(timeout);
        }
        if self.idempotent {
            return ask.idempotent().send();
        }
        ask.send()
    }
}

impl<T: Clone, F: Clone, R> Clone for AskService<T, F, R> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            target: self.target.clone(),
            message: self.message.clone(),
            ..*self
        }
    }
}

impl<T: fmt::Debug, F, R> fmt::Debug for AskService<T, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskService")
            .field("target", &self.target)
            .field("timeout", &self.timeout)
            .field("idempotent", &self.idempotent)
            .finish_non_exhaustive()
    }
}
