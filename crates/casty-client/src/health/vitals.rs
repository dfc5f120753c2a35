//! The signs of life that the control task keeps for whoever asks for a client's health.

use std::time::Instant;

use casty_proto::NodeAddress;
use parking_lot::Mutex;
use tokio::sync::watch;

/// The knowledge of the control task beside what others can see. A change of any of it may be one of the health.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Signs {
    /// The node that sends the views, or was asked to.
    pub(crate) source: Option<NodeAddress>,
    /// No node keeps the view up to date.
    pub(crate) is_stale: bool,
    /// The number of views that said something new.
    pub(crate) views: u64,
    /// The number of connections that were made, and of those that there are.
    pub(crate) connections: (u32, usize),
}

/// The signs, the time of the last view, and who waits for a change.
pub(crate) struct Vitals {
    signs: Mutex<Signs>,
    /// The time at which the view was last confirmed.
    confirmed: Mutex<Option<Instant>>,
    /// The number of changes.
    changes: watch::Sender<u64>,
}

impl Vitals {
    /// Creates the vitals of a client that has just begun.
    pub(crate) fn new() -> Self {
        Self {
            signs: Mutex::default(),
            confirmed: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Returns the signs, and the time at which the view was last confirmed.
    pub(crate) fn read(&self) -> (Signs, Option<Instant>) {
        let confirmed = *self.confirmed.lock();
        (self.signs.lock().clone(), confirmed)
    }

    /// Notes that the view was confirmed.
    pub(crate) fn confirm(&self, now: Instant) {
        *self.confirmed.lock() = Some(now);
    }

    /// Notes the signs, and wakes who waits if they are others than before.
    pub(crate) fn observe(&self, signs: Signs) {
        let mut before = self.signs.lock();
        let changed = *before != signs;
        *before = signs;
        drop(before);
        if changed {
            self.note();
        }
    }

    /// Wakes all who wait for a change.
    pub(crate) fn note(&self) {
        self.changes
            .send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Returns the changes from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
