//! Balances as they change: accounts push them to actors of the client.
//!
//! An account forgets with its node to whom it pushes, and nobody tells. So it is asked anew when the view names
//! another owner, or calls the owner unreachable, and from time to time besides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use casty_client::casty_routing::{ShardCount, entity_shard};
use casty_client::{
    Actor, ActorContext, ActorHandle, AskError, Chain, ClusterClient, EntityRef, ErrorKind,
    MailboxOverflow, NodeAddress, SpawnError, View,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use crate::messages::{Balance, Follow, Unfollow};

/// The balances that wait for a slow reader; of more, the oldest give way.
const WAITING: usize = 16;

/// The time in which an account must answer that it pushes.
const ANSWER: Duration = Duration::from_secs(5);

/// The pause before the next attempt, where the error names none.
const PAUSE: Duration = Duration::from_millis(500);

/// The limits of what is followed at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The number of streams.
    pub streams: usize,
    /// The time after which an account is asked anew, whatever the view says.
    pub renewal: Duration,
}

/// The reason for which an account is not followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    /// As many are followed as may be, or the gateway stops.
    #[error("no more streams are taken")]
    TooMany,
    /// The client takes no more actors.
    #[error(transparent)]
    Actor(#[from] SpawnError),
}

/// The balances of one account: the present one, and each that comes after it, unless the reader is slow. Ends
/// when the gateway stops. Dropping it ends the pushes.
pub(crate) type Balances = ReceiverStream<i64>;

/// The accounts that are followed. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Following {
    client: ClusterClient,
    renewal: Duration,
    free: Arc<Semaphore>,
    /// Each actor has a name of its own.
    begun: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
}

impl Following {
    /// Creates it with nothing followed.
    pub(crate) fn new(client: ClusterClient, limits: Limits) -> Self {
        Self {
            client,
            renewal: limits.renewal,
            free: Arc::new(Semaphore::new(limits.streams)),
            begun: Arc::default(),
            stop: watch::Sender::new(false),
        }
    }

    /// Follows an account.
    pub(crate) fn begin(&self, account: EntityRef) -> Result<Balances, FollowError> {
        let free = Arc::clone(&self.free).try_acquire_owned();
        let permit = free.map_err(|_| FollowError::TooMany)?;
        // The mailbox is the buffer: it knows to let the oldest go.
        let (out, balances) = mpsc::channel(1);
        let name = format!("balances-{}", self.begun.fetch_add(1, Ordering::Relaxed));
        let to = out.clone();
        let pushes = self
            .client
            .actor(&name)
            .mailbox(WAITING)
            .overflow(MailboxOverflow::DropOldest)
            .spawn(move || Forward { to: to.clone() })?;
        let stream = Stream {
            topology: self.client.topology(),
            account,
            pushes,
            renewal: self.renewal,
            _permit: Permit::new(permit),
        };
        tokio::spawn(stream.run(out, self.stop.subscribe()));
        Ok(ReceiverStream::new(balances))
    }

    /// Ends all streams, and begins none any more.
    pub(crate) fn stop(&self) {
        self.free.close();
        self.stop.send_replace(true);
    }
}

/// The actor that an account pushes to.
struct Forward {
    to: mpsc::Sender<i64>,
}

impl Actor for Forward {
    type Message = Balance;

    async fn handle(&mut self, balance: Balance, context: &ActorContext<Balance>) {
        if self.to.send(balance.amount).await.is_err() {
            context.stop();
        }
    }
}

/// The permit of one stream, which is counted in a gauge.
struct Permit(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Permit {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("gateway_streams").increment(1.0);
        Self(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        metrics::gauge!("gateway_streams").decrement(1.0);
    }
}

/// One account that is followed.
struct Stream {
    topology: casty_client::Topology,
    account: EntityRef,
    pushes: ActorHandle<Balance>,
    renewal: Duration,
    _permit: Permit,
}

impl Stream {
    /// Follows until the reader has gone or the gateway stops.
    async fn run(mut self, out: mpsc::Sender<i64>, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            biased;
            () = out.closed() => {}
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.renew() => {}
        }
        let to = self.pushes.actor_ref();
        // An account that misses it forgets those that do not ask anew.
        self.account.tell(Unfollow { to }).ok();
        self.pushes.stop(Duration::ZERO).await;
    }

    /// Asks the account again and again, until the client is closed.
    async fn renew(&mut self) {
        loop {
            let view = self.topology.current();
            let asked = view.and_then(|view| owner(&self.account, &view));
            let pause = match self.ask().await {
                Ok(_) => self.renewal,
                Err(error) if error.kind() == ErrorKind::Closed => return,
                Err(error) => {
                    tracing::debug!(account = self.account.id(), error = %Chain(&error), "not followed");
                    error.retry_after().unwrap_or(PAUSE)
                }
            };
            let account = &self.account;
            let moved = |view: &View| owner(account, view) != asked;
            if let Ok(Err(_closed)) = timeout(pause, self.topology.wait_for(moved)).await {
                return;
            }
        }
    }

    /// Asks the account to push. To ask again does no harm.
    async fn ask(&self) -> Result<bool, AskError> {
        let ask = self.account.ask(|reply_to| {
            let to = self.pushes.actor_ref();
            Follow { to, reply_to }
        });
        ask.within(ANSWER).idempotent().await
    }
}

/// Returns the node that has the account, by the view, if it can be relied on.
fn owner(account: &EntityRef, view: &View) -> Option<NodeAddress> {
    let region = account.region();
    let shard = entity_shard(account.id(), ShardCount::new(region.shards())?);
    let owner = view.owner(region.name(), shard)?;
    (!view.avoids(owner)).then(|| owner.clone())
}
