//! The client for programs without an async runtime: every future by [`wait`](Wait::wait), every
//! stream by [`wait_each`](WaitEach::wait_each).
//!
//! Nothing of the API is left out, for none of it is written twice: a client that was started by
//! [`connect_blocking`](crate::ClientBuilder::connect_blocking) is the same [`ClusterClient`]. Its tasks run
//! on one thread, which all such clients of a process share, and which lasts as long as the process.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use casty_client::blocking::{Wait, WaitEach};
//! use casty_client::{ActorRef, ClusterClient};
//! use serde::Serialize;
//!
//! #[derive(Serialize)]
//! #[serde(rename = "bank.Deposit")]
//! struct Deposit { amount: i64 }
//!
//! #[derive(Serialize)]
//! #[serde(rename = "bank.GetBalance")]
//! struct GetBalance { reply_to: ActorRef<i64> }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = ClusterClient::builder("my-cluster")
//!         .contact_point("10.0.1.10:25520")
//!         .connect_blocking()?;
//!     client.ready(Duration::from_secs(10)).wait()?;
//!
//!     let alice = client.region("account", 100)?.entity("alice");
//!     alice.tell(Deposit { amount: 5 })?;                     // never waits, here as elsewhere
//!     let balance: i64 = alice.ask(|reply_to| GetBalance { reply_to }).wait()?;
//!     println!("alice has {balance}");
//!
//!     for view in client.topology().wait_each().take(3) {     // the next three views
//!         println!("led by {:?}", view.leader());
//!     }
//!     client.close(Duration::from_secs(5)).wait();
//!     Ok(())
//! }
//! ```
//!
//! # Threads
//!
//! Any thread may use the client, several at a time. Each ask that is waited for takes the thread that
//! waits; for many at once, send them with [`Ask::send`](crate::Ask::send) and wait for the replies
//! afterwards, or use [`ask_many`](crate::RegionRef::ask_many), which is a stream. Handlers of actors run
//! on the client's own thread: what waits there holds up the client, and panics. A source of contact points
//! that blocks is set by [`discovery_blocking`](crate::ClientBuilder::discovery_blocking).
//!
//! # Cost
//!
//! A wait parks the thread until the client's wakes it: two switches between threads, where a task that
//! awaits on the client's own runtime may have none.
//!
//! [`ClusterClient`]: crate::ClusterClient

use std::future::{IntoFuture, poll_fn};
use std::io;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use casty_proto::NodeAddress;
use futures_timer::Delay;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use tokio_stream::Stream;

use crate::client::ClusterClient;
use crate::config::{ClientBuilder, ConfigError};
use crate::discovery::BoxError;

/// The runtime of all clients that were started without one.
static SHARED: OnceLock<Runtime> = OnceLock::new();

/// Returns that runtime, started if it is not yet.
fn shared() -> io::Result<&'static Runtime> {
    if let Some(runtime) = SHARED.get() {
        return Ok(runtime);
    }
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1).thread_name("casty-client");
    let runtime = runtime.enable_all().build()?;
    // Another thread may have been faster; one is given up then.
    Ok(SHARED.get_or_init(|| runtime))
}

impl ClientBuilder {
    /// Checks the configuration and starts the client on the thread of the [blocking](crate::blocking) API,
    /// as [`connect`](Self::connect) does on the current runtime.
    ///
    /// # Errors
    /// As those of `connect`; or the system gives no thread ([`ConfigError::Thread`]).
    ///
    /// # Panics
    /// In an async task, which awaits `connect` instead.
    pub fn connect_blocking(self) -> Result<ClusterClient, ConfigError> {
        let runtime = shared().map_err(|error| ConfigError::Thread {
            kind: error.kind(),
            message: error.to_string(),
        })?;
        runtime.block_on(self.connect())
    }
}

impl ClientBuilder {
    /// Sets a source of contact points that blocks, as [`discovery`](Self::discovery) sets one that is
    /// awaited.
    ///
    /// It runs on a thread of its own, so it may take as long as it likes; the client waits for it no
    /// longer than [`discovery_timeout`](Self::discovery_timeout). A call cannot be stopped: while one
    /// that was given up goes on, no other is made, so that there is one thread at most.
    ///
    /// ```
    /// use casty_client::{ClusterClient, NodeAddress};
    ///
    /// let builder = ClusterClient::builder("my-cluster").discovery_blocking(|| {
    ///     let listed = std::fs::read_to_string("nodes.txt")?;
    ///     listed.lines().map(|line| Ok(line.parse::<NodeAddress>()?)).collect()
    /// });
    /// ```
    pub fn discovery_blocking<F>(self, source: F) -> Self
    where
        F: Fn() -> Result<Vec<NodeAddress>, BoxError> + Send + Sync + 'static,
    {
        let (source, alone) = (Arc::new(source), Arc::new(Semaphore::new(1)));
        self.discovery(move || called_alone(Arc::clone(&source), Arc::clone(&alone)))
    }
}

/// Calls a source that blocks, once no other call of it runs.
async fn called_alone<F>(
    source: Arc<F>,
    alone: Arc<Semaphore>,
) -> Result<Vec<NodeAddress>, BoxError>
where
    F: Fn() -> Result<Vec<NodeAddress>, BoxError> + Send + Sync + 'static,
{
    let turn = alone.acquire_owned().await?;
    let called = spawn_blocking(move || {
        // Kept for as long as the call runs, whoever still waits for it.
        let _turn = turn;
        source()
    });
    match called.await.map_err(JoinError::try_into_panic) {
        Ok(found) => found,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime ends, and the client with it.
        Err(Err(error)) => Err(error.into()),
    }
}

/// Waiting for a future on the thread that calls.
pub trait Wait: IntoFuture + Sized {
    /// Waits for the outcome, however long it takes: each future of the client ends in a time of its
    /// own but [`Topology::changed`](crate::Topology::changed) and others that wait for events. On a thread
    /// that has entered a runtime that is the time of that runtime, which stands still unless it is driven.
    ///
    /// # Panics
    /// In an async task, which awaits instead; a thread that may block, as that of `spawn_blocking`, is none.
    /// Also if there is neither a client of this API nor a runtime, and the system gives no thread.
    fn wait(self) -> Self::Output {
        block_on(self.into_future())
    }

    /// Waits for the outcome for at most `limit`, by the system's time on any thread, and drops the future
    /// then. What that means for it is told where its cancel safety is.
    ///
    /// # Errors
    /// There was none within `limit`.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    fn wait_within(self, limit: Duration) -> Result<Self::Output, Elapsed> {
        block_on(within(limit, self.into_future()))
    }
}

impl<F: IntoFuture> Wait for F {}

/// Waiting for one item of a stream after the other on the thread that calls.
pub trait WaitEach: Stream + Unpin + Sized {
    /// Returns an iterator that waits for each item. `by_ref` of the stream, `(&mut stream).wait_each()`,
    /// leaves it for later.
    fn wait_each(self) -> Each<Self> {
        Each(self)
    }
}

impl<S: Stream + Unpin> WaitEach for S {}

/// The items of a stream, each of which is waited for; made by [`WaitEach::wait_each`].
#[derive(Debug)]
#[must_use = "nothing is waited for before it is iterated"]
pub struct Each<S>(S);

impl<S: Stream + Unpin> Each<S> {
    /// Waits for the next item for at most `limit`; `None` at the end of the stream.
    ///
    /// # Errors
    /// There was none within `limit`. None is lost: it comes with the next call.
    ///
    /// # Panics
    /// As [`Wait::wait`].
    pub fn next_within(&mut self, limit: Duration) -> Result<Option<S::Item>, Elapsed> {
        poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).wait_within(limit)
    }

    /// Returns the stream.
    pub fn into_inner(self) -> S {
        self.0
    }
}

impl<S: Stream + Unpin> Iterator for Each<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        block_on(poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)))
    }
}

/// The error of a wait whose time was up before there was an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no outcome within the time limit")]
pub struct Elapsed;

/// Awaits a future for at most `limit`, by a timer that needs no runtime: the one that this thread has
/// entered may be driven by nobody.
async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut timer = Delay::new(limit);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
        Poll::Pending => Pin::new(&mut timer).poll(cx).map(|()| Err(Elapsed)),
    })
    .await
}

/// Runs a future on this thread, with the time of its runtime, if it belongs to one: that knows whether
/// the thread may block.
fn block_on<F: Future>(future: F) -> F::Output {
    if let Ok(runtime) = Handle::try_current() {
        return runtime.block_on(future);
    }
    #[expect(clippy::expect_used, reason = "told in the docs of `wait`")]
    let runtime = shared().expect("a thread for clients that wait");
    runtime.block_on(future)
}
