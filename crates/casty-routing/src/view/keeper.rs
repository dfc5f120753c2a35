//! The one place where snapshots are ordered: the choice between the view that is kept and a new
//! one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;
use casty_proto::message::TopologySnapshot;

use super::{View, ViewVersion};

/// The time for which snapshots must keep showing a lower epoch before it is believed.
pub const LOWER_EPOCH_GRACE: Duration = Duration::from_secs(5);

/// The newest view, and the rules by which a snapshot replaces it:
///
/// * A snapshot of an older subscription than the newest one received from is superseded.
/// * One whose epoch is not lower than the kept one replaces the view.
/// * One with a lower epoch comes from a node that lags behind: its members count, its
///   allocations do not, until either every live member of the kept view has been lost since
///   (the cluster was restarted) or the lower epoch has persisted for
///   [`LOWER_EPOCH_GRACE`]. Then it is accepted whole, in a new generation.
#[derive(Debug, Default)]
pub struct ViewKeeper {
    view: Option<Arc<View>>,
    subscription: u64,
    /// The time since which only lower epochs have come.
    lower_since: Option<Instant>,
    /// The members lost since the kept allocations were last confirmed.
    lost: BTreeSet<NodeAddress>,
}

/// The outcome of offering a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// The snapshot became the view that is kept from now on; it differs from the last one.
    Fresh(Arc<View>),
    /// The snapshot shows what is known already.
    Unchanged,
    /// It comes from a subscription that a newer one has replaced.
    Superseded,
}

impl ViewKeeper {
    /// Creates a keeper without a view.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the newest view; `None` if there was no snapshot yet.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.view.as_ref()
    }

    /// Takes in a snapshot that came in answer to subscription number `subscription`; the numbers
    /// grow with every subscription made.
    ///
    /// Compares the snapshot with the kept view (about 50 ns a shard) and shares what is equal.
    pub fn offer(&mut self, now: Instant, subscription: u64, snapshot: TopologySnapshot) -> Offer {
        if subscription < self.subscription {
            return Offer::Superseded;
        }
        self.subscription = subscription;
        let mut view = View::from_snapshot(snapshot);
        if let Some(kept) = &self.view {
            let ViewVersion { generation, epoch } = kept.version;
            view.version.generation = generation;
            if view.version.epoch >= epoch {
                self.confirmed();
            } else if self.restarted(now) {
                view.version.generation = generation.saturating_add(1);
                self.confirmed();
            } else {
                // Its node lags behind: new members with old owners would send messages to
                // nodes that gave the shards away.
                self.lower_since.get_or_insert(now);
                view.version = ViewVersion { generation, epoch };
                view.allocations.clone_from(&kept.allocations);
            }
        }
        self.keep(view)
    }

    /// Notes that the connection to `node` was lost, or could not be made.
    pub fn lost(&mut self, node: &NodeAddress) {
        if self.view.as_ref().is_some_and(|view| view.is_live(node)) {
            self.lost.insert(node.clone());
        }
    }

    fn confirmed(&mut self) {
        self.lower_since = None;
        self.lost.clear();
    }

    /// Returns whether a lower epoch means that the cluster began anew.
    fn restarted(&self, now: Instant) -> bool {
        let persisted = self
            .lower_since
            .is_some_and(|since| now.saturating_duration_since(since) >= LOWER_EPOCH_GRACE);
        persisted
            || self.view.as_ref().is_some_and(|view| {
                let mut live = view.live_members().peekable();
                live.peek().is_some() && live.all(|m| self.lost.contains(&m.address))
            })
    }

    fn keep(&mut self, mut view: View) -> Offer {
        if let Some(kept) = &self.view {
            for (region, shards) in &mut view.allocations {
                if let Some(known) = kept
                    .allocations
                    .get(region)
                    .filter(|known| *known == shards)
                {
                    *shards = Arc::clone(known);
                }
            }
            if **kept == view {
                return Offer::Unchanged;
            }
        }
        let view = Arc::new(view);
        self.view = Some(Arc::clone(&view));
        Offer::Fresh(view)
    }
}
