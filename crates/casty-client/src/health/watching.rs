//! The health as it is asked for, and as it changes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;

use super::{Health, HealthState, LISTED, ViewHealth, Waiting, members};
use crate::client::ClusterClient;
use crate::error::Closed;
use crate::runtime::clock::precise_now;
use crate::send::Core;
use crate::stats::Stats;
use crate::topology;

impl ClusterClient {
    /// Returns the health of this client now: its state, its view, the members and why some of them are not
    /// connected, and what waits. Local: no node is asked. Cost: some locks and a walk over the members, no
    /// wait.
    ///
    /// # Examples
    ///
    /// The answers to probes of an orchestrator:
    ///
    /// ```
    /// # fn example(client: &casty_client::ClusterClient) -> (u16, u16) {
    /// let health = client.health();
    /// let readiness = if health.is_ready() { 200 } else { 503 };
    /// let liveness = if health.is_live() { 200 } else { 503 };
    /// println!("{health}");
    /// # (readiness, liveness)
    /// # }
    /// ```
    pub fn health(&self) -> Health {
        health(self.core(), &self.core().stats())
    }

    /// Returns the health as it changes: what it is now, and then each that differs in more than its times,
    /// failures and what waits.
    pub fn watch_health(&self) -> HealthWatch {
        let core = Arc::clone(self.core());
        HealthWatch {
            changes: core.vitals.changes(),
            core,
            change: None,
            last: None,
        }
    }
}

/// Returns the health of a client whose counters are these.
pub(crate) fn health(core: &Core, stats: &Stats) -> Health {
    // Each lock is released before the next is taken: nothing is compared but what is read here.
    let (signs, confirmed) = core.vitals.read();
    let view = core.view.borrow().clone();
    let connected = core.connected_nodes();
    let failures = topology::dial_failures(core);
    let mut members = view
        .as_ref()
        .map_or_else(Vec::new, |view| members(view, &connected, &failures));
    let members_total = members.len();
    let members_usable = members.iter().filter(|member| member.is_usable()).count();
    members.truncate(LISTED);
    let state = if core.is_closed() {
        HealthState::Closed
    } else {
        HealthState::of(view.as_deref(), signs.is_stale, &connected)
    };
    let now = precise_now();
    Health {
        state,
        view: view.map(|view| ViewHealth {
            age: now.saturating_duration_since(confirmed.unwrap_or(now)),
            source: signs.source,
            is_stale: signs.is_stale,
            leader: view.live_leader().cloned(),
        }),
        members,
        members_total,
        members_usable,
        failures,
        discovery: core.discovery_failure.lock().clone(),
        refused: core.ready_error.borrow().clone(),
        waiting: Waiting {
            buffered: stats.buffered,
            buffered_bytes: stats.gauges.buffered_bytes,
            queued: stats.queued,
            queued_bytes: stats.gauges.queued_bytes,
            asks: stats.pending_asks,
        },
    }
}

/// The health of a client as it changes, made by
/// [`ClusterClient::watch_health`](crate::ClusterClient::watch_health).
///
/// What changed while nobody looked is skipped: the next one is always the latest. Memory: one
/// [`Health`], however slow the reader is.
///
/// It is a [`Stream`] as well, which ends after the state [`Closed`](HealthState::Closed). What the stream
/// and the methods here return is counted together: each comes once.
///
/// ```
/// # async fn example(client: &casty_client::ClusterClient) -> Result<(), casty_client::Closed> {
/// use casty_client::HealthState;
///
/// let mut health = client.watch_health();
/// health.wait_for(|health| health.state == HealthState::Ready).await?;
/// let worse = health.changed().await?;
/// println!("{worse}");
/// # Ok(())
/// # }
/// ```
pub struct HealthWatch {
    core: Arc<Core>,
    changes: watch::Receiver<u64>,
    /// The next change, while the stream is polled for it.
    change: Option<WatchStream<u64>>,
    /// The health that was returned last.
    last: Option<Health>,
}

impl HealthWatch {
    /// Returns the health now, which counts as returned.
    pub fn current(&mut self) -> Health {
        self.change = None;
        self.changes.mark_unchanged();
        let health = health(&self.core, &self.core.stats());
        self.last = Some(health.clone());
        health
    }

    /// Waits for a health that differs from the one that this handle has returned last. The first comes at
    /// once.
    ///
    /// # Errors
    /// The client has ended, and that was returned.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn changed(&mut self) -> Result<Health, Closed> {
        self.change = None;
        loop {
            if let Some(news) = self.news()? {
                return Ok(news);
            }
            self.changes.changed().await.map_err(|_| Closed)?;
        }
    }

    /// Waits until the health satisfies `wanted`, and returns it. It is looked at when it changes as
    /// [`changed`](Self::changed) has it.
    ///
    /// # Errors
    /// The client has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost but what `wanted` has refused.
    pub async fn wait_for(
        &mut self,
        mut wanted: impl FnMut(&Health) -> bool,
    ) -> Result<Health, Closed> {
        loop {
            let health = self.current();
            if wanted(&health) {
                return Ok(health);
            }
            if !health.is_live() {
                return Err(Closed);
            }
            self.changes.changed().await.map_err(|_| Closed)?;
        }
    }

    /// Returns the health now, if it differs from the last.
    fn news(&mut self) -> Result<Option<Health>, Closed> {
        let last = self.last.take();
        let health = self.current();
        match last {
            Some(last) if !last.is_live() => Err(Closed),
            Some(last) if !health.differs(&last) => Ok(None),
            _ => Ok(Some(health)),
        }
    }
}

impl Stream for HealthWatch {
    type Item = Health;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Health>> {
        let this = self.get_mut();
        loop {
            if this.change.is_none() {
                match this.news() {
                    Ok(None) => {}
                    Ok(Some(news)) => return Poll::Ready(Some(news)),
                    Err(Closed) => return Poll::Ready(None),
                }
            }
            // A change since the look above is one for the stream: it counts from what `changes` has seen.
            let changes = &this.changes;
            let change = this
                .change
                .get_or_insert_with(|| WatchStream::from_changes(changes.clone()));
            let changed = ready!(Pin::new(change).poll_next(cx));
            this.change = None;
            if changed.is_none() {
                return Poll::Ready(None);
            }
        }
    }
}

impl fmt::Debug for HealthWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthWatch")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
