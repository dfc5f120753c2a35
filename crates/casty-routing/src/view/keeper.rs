//! The one place where snapshots are ordered: the choice between the view that is kept and a new
//! one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;
use casty_proto::message::TopologySnapshot;

use super::{View, ViewVersion};

/// The time for which snapshots must keep showing a lower epoch before it is believed.
///
/// Beyond it, it is believed: the cluster has begun anew.
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
    /// `true` if the last snapshot was no lower than the kept view, or became it.
    confirmed: bool,
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
    /// Compares the snapshot with the kept view (some 50 ns a shard) and shares what is equal.
    pub fn offer(&mut self, now: Instant, subscription: u64, snapshot: TopologySnapshot) -> Offer {
        if subscription < self.subscription {
            return Offer::Superseded;
        }
        let view = View::after(self.view.as_deref(), snapshot);
        self.offer_view(now, subscription, view)
    }

    /// Takes in a snapshot as [`offer`](Self::offer) does, made a view before: [after](View::after)
    /// the one that is kept, so that this costs time for each region and member, and no more.
    /// Whatever view it was made after, the outcome is the same.
    pub fn offer_view(&mut self, now: Instant, subscription: u64, mut view: View) -> Offer {
        if subscription < self.subscription {
            return Offer::Superseded;
        }
        self.subscription = subscription;
        self.confirmed = true;
        if let Some(kept) = &self.view {
            let ViewVersion { generation, epoch } = kept.version;
            view.version.generation = generation;
            if view.version.epoch >= epoch {
                self.confirm();
            } else if self.restarted(now) {
                view.version.generation = generation.saturating_add(1);
                self.confirm();
            } else {
                // Its node lags behind: new members with old owners would send messages to
                // nodes that gave the shards away.
                self.lower_since.get_or_insert(now);
                self.confirmed = false;
                view.version = ViewVersion { generation, epoch };
                view.keep_allocations(kept);
            }
        }
        self.keep(view)
    }

    /// Returns whether the snapshot that was taken in last would show nothing new if it came once
    /// more for that subscription: [`confirm`](Self::confirm) then does for it what an offer would.
    /// It would not if its epoch was lower than the kept one, for then time decides.
    pub fn is_confirmed_by(&self, subscription: u64) -> bool {
        self.confirmed && subscription == self.subscription
    }

    /// Takes in the last snapshot once more, if it is [such a one](Self::is_confirmed_by).
    pub fn confirm(&mut self) {
        if self.confirmed {
            self.lower_since = None;
            self.lost.clear();
        }
    }

    /// Notes that the connection to `node` was lost, or could not be made.
    pub fn lost(&mut self, node: &NodeAddress) {
        if self.view.as_ref().is_some_and(|view| view.is_live(node)) {
            self.lost.insert(node.clone());
        }
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

    fn keep(&mut self, view: View) -> Offer {
        if self.view.as_deref() == Some(&view) {
            return Offer::Unchanged;
        }
        let view = Arc::new(view);
        self.view = Some(Arc::clone(&view));
        Offer::Fresh(view)
    }
}
