//! The limits of what a node accepts from outside, and what it says of what it refuses.

use std::sync::Arc;
use std::time::Duration;

use casty_proto::{Chain, NodeAddress};
use casty_transport::ConnectError;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::settings::Settings;

/// The most connections of a member, and the most of them that have not announced themselves.
const MEMBER: (usize, usize) = (4_096, 256);
/// The same of a node that only tests reach.
const TESTED: (usize, usize) = (16_384, 16_384);

/// The time for which a node says nothing more of what it refuses.
const QUIET: Duration = Duration::from_secs(10);

/// The limits of what a node accepts.
pub(super) struct Admission {
    connections: usize,
    handshakes: usize,
    shaking: Arc<Semaphore>,
}

/// The reason why a node has refused a peer, or what that says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It has as many connections as it takes.
    #[error("{limit} connections are open")]
    TooManyConnections {
        /// The limit.
        limit: usize,
    },
    /// So many peers have not announced themselves.
    #[error("{limit} peers have not announced themselves yet")]
    TooManyHandshakes {
        /// The limit.
        limit: usize,
    },
    /// The peer has not announced itself.
    #[error(transparent)]
    NoHandshake(#[from] ConnectError),
    /// The peer announces the address of a node, or speaks for a member there.
    #[error("its certificate does not name {announced}, for which it takes part as a node")]
    Uncovered {
        /// The address.
        announced: NodeAddress,
    },
}

impl Admission {
    pub(super) fn new(settings: &Settings) -> Self {
        let is_member = settings.membership.is_some();
        let (connections, handshakes) = if is_member { MEMBER } else { TESTED };
        Self {
            connections,
            handshakes,
            shaking: Arc::new(Semaphore::new(handshakes)),
        }
    }

    /// Returns the place of one more connection that shakes hands, beside so many.
    pub(super) fn place(&self, beside: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        if beside >= self.connections {
            let limit = self.connections;
            return Err(Refusal::TooManyConnections { limit });
        }
        let place = Arc::clone(&self.shaking).try_acquire_owned();
        let limit = self.handshakes;
        place.map_err(|_| Refusal::TooManyHandshakes { limit })
    }
}

/// The refusals of a node, of which it says one aloud from time to time.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Option<Instant>>);

impl Refusals {
    pub(super) fn tell(&self, node: &NodeAddress, peer: &str, refusal: &Refusal) {
        // Whoever looks for open ports shakes no hands.
        let is_common = matches!(refusal, Refusal::NoHandshake(_));
        if !is_common && self.is_loud() {
            tracing::warn!(%node, peer, error = %Chain(refusal), "refused");
        } else {
            tracing::debug!(%node, peer, error = %Chain(refusal), "refused");
        }
    }

    fn is_loud(&self) -> bool {
        let (mut last, now) = (self.0.lock(), Instant::now());
        let is_quiet = last.is_some_and(|last| now.saturating_duration_since(last) < QUIET);
        if !is_quiet {
            *last = Some(now);
        }
        !is_quiet
    }
}
