//! The events of a guard's membership, on their way to be printed.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use casty_client::casty_routing::membership::MembershipEvent;
use casty_testkit::MembershipOptions;
use tokio::sync::mpsc;

/// Events that wait to be printed.
const WAITING: usize = 1024;

/// Events that wait to be printed; those for which there is no place are counted.
pub(super) struct Events {
    events: mpsc::Receiver<MembershipEvent>,
    lost: Arc<AtomicU64>,
}

/// Has events told from now on.
pub(super) fn follow(options: MembershipOptions) -> (MembershipOptions, Events) {
    let (told, events) = mpsc::channel(WAITING);
    let lost = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lost);
    // It must not wait: the node is locked meanwhile.
    let options = options.on_event(move |_, event| {
        if told.try_send(event.clone()).is_err() {
            // Relaxed: it orders nothing else.
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    (options, Events { events, lost })
}

impl Events {
    /// Waits for the next event, and returns how many were lost meanwhile, too.
    pub(super) async fn next(&mut self) -> (u64, MembershipEvent) {
        match self.events.recv().await {
            Some(event) => (self.lost.swap(0, Ordering::Relaxed), event),
            None => pending().await,
        }
    }
}
