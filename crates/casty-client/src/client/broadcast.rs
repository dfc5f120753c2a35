//! The actors at one path of all members: broadcasts, first of all.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use casty_proto::message::MemberStatus;
use casty_proto::{ActorRef, AddressError, NodeAddress};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_stream::{Stream, StreamExt};

use crate::ask::reply::Reply;
use crate::client::ClusterClient;
use crate::client::bound_ref::{self, BoundRef};
use crate::client::path::{Named, actor_at, checked};
use crate::error::names::NameError;
use crate::error::{AskError, TellError};
use crate::message::{Destination, Plain};
use crate::send::Core;

/// The number of asks of one [`AskAll`] that are open at a time, unless it is set.
///
/// Beyond it, the next one is sent when one has ended.
const AT_ONCE: usize = 64;

/// The names of broadcasts.
const BROADCASTS: Named = Named {
    prefix: "_bcast-",
    by_name: "broadcast",
    by_path: "actor_on_all",
};

/// A reference to the actors at one path of all members that are up: made by
/// [`ClusterClient::broadcast`](crate::ClusterClient::broadcast) and
/// [`ClusterClient::actor_on_all`](crate::ClusterClient::actor_on_all).
///
/// Each member is sent to by the client itself, in one hop, so that the fate of each message and the
/// silence of each member is known by name. Members that come later are in the next send.
///
/// Cheap to clone. Two are equal if they name the same path, whichever client each is bound to.
pub struct BroadcastRef<M> {
    core: Arc<Core>,
    path: Arc<str>,
    kind: PhantomData<fn(&M)>,
}

/// The end of one message told to all members.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct BroadcastTell {
    /// The members for which it was accepted.
    pub accepted: Vec<NodeAddress>,
    /// The members for which it was not, and why. Nothing was sent to them.
    pub refused: Vec<(NodeAddress, TellError)>,
}

impl BroadcastTell {
    /// Returns the number of members for which the message was accepted, if it was for all.
    ///
    /// # Errors
    /// It was not for one; of several, the first.
    pub fn all(self) -> Result<usize, TellError> {
        match self.refused.into_iter().next() {
            None => Ok(self.accepted.len()),
            Some((_, error)) => Err(error),
        }
    }
}

impl ClusterClient {
    /// Returns a reference to the broadcast actors of that name, the name by which nodes spawn them.
    /// Nothing is sent.
    ///
    /// It is a name and no path. One that has a slash, or begins with an underscore, is refused, and the
    /// error names the call to use; actors that are spawned by such a name all the same are
    /// [`actor_on_all`](Self::actor_on_all) at `/_bcast-` and their name.
    ///
    /// # Errors
    /// The name is empty, has a line break, or is a path.
    pub fn broadcast<M>(&self, name: &str) -> Result<BroadcastRef<M>, NameError> {
        let path = BROADCASTS.path(name)?;
        Ok(BroadcastRef::new(self.core(), path))
    }

    /// Returns a reference to the actors at `path` of all members; a leading slash may be left out.
    /// Nothing is sent.
    ///
    /// For a broadcast, use [`broadcast`](Self::broadcast): the actor that has its bare name hands on what it
    /// gets to all members, so that each would get it from each.
    ///
    /// # Errors
    /// The path is empty or has a line break.
    pub fn actor_on_all<M>(&self, path: &str) -> Result<BroadcastRef<M>, AddressError> {
        let path = checked(path)?;
        Ok(BroadcastRef::new(self.core(), path))
    }
}

impl<M> BroadcastRef<M> {
    fn new(core: &Arc<Core>, path: Arc<str>) -> Self {
        Self {
            core: Arc::clone(core),
            path,
            kind: PhantomData,
        }
    }

    /// Returns the path of the actors.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the members that the last view calls up and reachable, by address.
    pub fn members(&self) -> Vec<NodeAddress> {
        let view = self.core.view.borrow().clone().unwrap_or_default();
        let up = view
            .live_members()
            .filter(|it| it.status == MemberStatus::Up);
        up.map(|member| member.address.clone()).collect()
    }

    /// Returns the reference to the actor of one member.
    pub fn on(&self, member: &NodeAddress) -> BoundRef<M> {
        BoundRef::new(&self.core, actor_at(&self.core, member, &self.path))
    }

    fn some_members(&self) -> Result<Vec<NodeAddress>, TellError> {
        if self.core.is_closed() {
            return Err(TellError::Closed);
        }
        let members = self.members();
        if members.is_empty() {
            return Err(TellError::NoMember);
        }
        Ok(members)
    }

    /// Sends a message to the actor of each member that is up, and tells which accepted it. Never waits;
    /// the message is encoded once.
    ///
    /// # Errors
    /// It was sent to nobody: it cannot be encoded, there is no member ([`TellError::NoMember`]), or the
    /// client is closed. That a single member refuses it is in the result.
    pub fn tell(&self, message: M) -> Result<BroadcastTell, TellError>
    where
        M: Serialize,
    {
        let members = self.some_members()?;
        let mut told = BroadcastTell::default();
        self.core.encoded(&Plain(&message), |class, message| {
            for node in members {
                let to = Destination::Actor {
                    node: node.clone(),
                    path: &self.path,
                    class,
                };
                match self.core.send(&to, message, None) {
                    Ok(()) => told.accepted.push(node),
                    Err(error) => told.refused.push((node, error)),
                }
            }
            Ok::<_, TellError>(())
        })?;
        Ok(told)
    }

    /// Prepares an ask of the actor of each member that is up: a stream of one result a member. `make`
    /// makes the message for each, with a reference of its own to reply to, so that whoever is silent is
    /// known by name.
    ///
    /// ```
    /// # async fn example(client: &casty_client::ClusterClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use casty_client::ActorRef;
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// #[serde(rename = "cache.GetSize")]
    /// struct GetSize { reply_to: ActorRef<u64> }
    ///
    /// let caches = client.broadcast("cache")?;
    /// let asked = caches.ask_all(|reply_to: ActorRef<u64>| GetSize { reply_to })?;
    /// let sizes = asked.within(Duration::from_secs(1)).gather().await;
    /// println!("{} entries in all", sizes.replies.iter().map(|(_, size)| size).sum::<u64>());
    /// for (node, why) in sizes.missing {
    ///     println!("{node} is not counted: {why}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no member ([`TellError::NoMember`]), or the client is closed.
    pub fn ask_all<R, F>(&self, make: F) -> Result<AskAll<M, R, F>, TellError>
    where
        M: Serialize,
        R: DeserializeOwned,
        F: FnMut(ActorRef<R>) -> M,
    {
        Ok(AskAll {
            to: self.clone(),
            make,
            left: self.some_members()?.into(),
            open: Vec::new(),
            at_once: AT_ONCE,
            timeout: self.core.limits.ask_timeout,
        })
    }
}

impl<M> Clone for BroadcastRef<M> {
    fn clone(&self) -> Self {
        Self::new(&self.core, Arc::clone(&self.path))
    }
}

impl<M> PartialEq for BroadcastRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl<M> Eq for BroadcastRef<M> {}

impl<M> fmt::Debug for BroadcastRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastRef")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The asks of one actor of each member, made by [`BroadcastRef::ask_all`]: a stream of each member's
/// reply, or why there is none, in the order in which they end. So those that stay silent come last.
///
/// Nothing is sent before it is polled. Each ask has a time and a fate of its own. The members are those
/// that were up when it was made.
///
/// # Cancel safety
/// Dropping it abandons the asks that are open. A result is returned once.
#[must_use = "nothing is sent before it is polled"]
pub struct AskAll<M, R, F> {
    to: BroadcastRef<M>,
    make: F,
    /// The members that are not asked yet.
    left: VecDeque<NodeAddress>,
    open: Vec<(NodeAddress, Reply<R>)>,
    at_once: usize,
    timeout: Duration,
}

/// The results of all members that were asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Gathered<R> {
    /// The replies, in the order in which they came.
    pub replies: Vec<(NodeAddress, R)>,
    /// The members that did not reply, and why.
    pub missing: Vec<(NodeAddress, AskError)>,
}

impl<M, R, F> AskAll<M, R, F> {
    /// Sets how long to wait for each reply. Default: the client's
    /// [`ask_timeout`](crate::ClientBuilder::ask_timeout), 5 s.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the number of asks that are open at a time; the next is sent when one has ended. Default: 64;
    /// at least 1.
    pub fn at_once(mut self, asks: usize) -> Self {
        self.at_once = asks.max(1);
        self
    }

    /// Returns the number of members whose result is still to come.
    pub fn remaining(&self) -> usize {
        self.left.len() + self.open.len()
    }
}

impl<M, R, F> AskAll<M, R, F>
where
    M: Serialize,
    R: DeserializeOwned,
    F: FnMut(ActorRef<R>) -> M,
{
    /// Waits for the results of all members.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the asks that are open, and loses the replies.
    pub async fn gather(mut self) -> Gathered<R> {
        let mut gathered = Gathered {
            replies: Vec::new(),
            missing: Vec::new(),
        };
        while let Some((node, result)) = self.next().await {
            match result {
                Ok(reply) => gathered.replies.push((node, reply)),
                Err(error) => gathered.missing.push((node, error)),
            }
        }
        gathered
    }

    /// Asks further members as far as the limit allows.
    fn ask_more(&mut self) {
        while self.open.len() < self.at_once {
            let Some(node) = self.left.pop_front() else {
                return;
            };
            let actor = actor_at(&self.to.core, &node, &self.to.path);
            let ask = bound_ref::ask(&self.to.core, actor, &mut self.make);
            let reply = ask.within(self.timeout).send();
            self.open.push((node, reply));
        }
    }
}

/// Nothing in it is pinned.
impl<M, R, F> Unpin for AskAll<M, R, F> {}

impl<M, R, F> Stream for AskAll<M, R, F>
where
    M: Serialize,
    R: DeserializeOwned,
    F: FnMut(ActorRef<R>) -> M,
{
    type Item = (NodeAddress, Result<R, AskError>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.ask_more();
        for place in 0..this.open.len() {
            let (_, reply) = &mut this.open[place];
            if let Poll::Ready(result) = Pin::new(reply).poll(cx) {
                let (node, _) = this.open.remove(place);
                return Poll::Ready(Some((node, result)));
            }
        }
        if this.open.is_empty() {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining(), Some(self.remaining()))
    }
}

impl<M, R, F> fmt::Debug for AskAll<M, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskAll")
            .field("path", &self.to.path)
            .field("remaining", &self.remaining())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
