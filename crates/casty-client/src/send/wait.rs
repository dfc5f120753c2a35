//! Waiting for capacity, in the outbox of a node or in the pending buffer.
//!
//! Waiting tasks are woken one at a time: the one that has waited longest and whose message fits
//! gets a permit. When it has used the permit, or dropped it, the next one gets one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use casty_routing::Target;

use crate::error::TellError;
use crate::message::{Destination, Encoded, Message};
use crate::node::peer::Peer;
use crate::routing::waiters::Ticket;
use crate::runtime::clock;
use crate::send::Core;

/// Returns whether a message refused for this reason may be accepted later.
pub(crate) fn is_full(refused: &TellError) -> bool {
    matches!(refused, TellError::Busy { .. } | TellError::BufferFull)
}

/// Sends a message that was `refused` for lack of capacity as soon as there is some, or returns the
/// latest refusal after `within`. An actor's class is that of the message.
///
/// # Cancel safety
/// Either the message was accepted or nothing of it was.
pub(crate) async fn tell(
    core: &Core,
    to: &Destination<'_>,
    message: &impl Message,
    refused: TellError,
    within: Duration,
) -> Result<(), TellError> {
    let (mut class, mut bytes) = (String::new(), Vec::new());
    core.encoded(message, |of, encoded| {
        of.clone_into(&mut class);
        bytes = encoded.bytes.to_vec();
        Ok::<_, TellError>(())
    })?;
    let message = Encoded {
        bytes: &bytes,
        kind: message.kind(),
        trace: None,
    };
    let mut to = to.clone();
    if let Destination::Actor { class: of, .. } | Destination::Leader { class: of, .. } = &mut to {
        *of = &class;
    }
    encoded(core, &to, message, refused, within).await
}

/// Sends an encoded message as [`tell`] does.
///
/// # Cancel safety
/// Either the message was accepted or nothing of it was.
pub(crate) async fn encoded(
    core: &Core,
    to: &Destination<'_>,
    message: Encoded<'_>,
    mut refused: TellError,
    within: Duration,
) -> Result<(), TellError> {
    let deadline = clock::from_now(within);
    loop {
        match attempt(core, to, message, &refused, deadline).await {
            Some(Err(again)) if is_full(&again) => refused = again,
            Some(sent) => return sent,
            None => return Err(refused),
        }
    }
}

/// Waits for the capacity that was missing and tries once; `None` if there is none by the deadline.
async fn attempt(
    core: &Core,
    to: &Destination<'_>,
    message: Encoded<'_>,
    refused: &TellError,
    deadline: Instant,
) -> Option<Result<(), TellError>> {
    let send = || core.send(to, message, None);
    // A permit is held until the message was sent, and passed on by its drop. Capacity that another
    // sender took meanwhile is no harm: the caller waits again.
    if let TellError::Busy { length, .. } = refused {
        let Some(peer) = owner(core, to) else {
            return Some(send());
        };
        let permit = core.home.by(deadline, peer.outbox.capacity(*length)).await;
        return permit.map(|_permit| send());
    }
    let mut place = Place::take(core, to.target(), message.bytes.len());
    let permit = core.home.by(deadline, &mut place.ticket.permit).await;
    permit.map(|_| send())
}

/// Returns the connected node that a message would go to.
fn owner(core: &Core, to: &Destination<'_>) -> Option<Arc<Peer>> {
    match to {
        Destination::Shard { region, shard, .. } => {
            core.table.current().owner(*region, *shard).cloned()
        }
        Destination::Actor { node, .. } => core.connected.read().get(node).cloned(),
        Destination::Leader { .. } => {
            let leader = core.leader()?;
            core.connected.read().get(&leader).cloned()
        }
    }
}

/// A place among the tasks that wait for the pending buffer, given up when it is dropped.
struct Place<'a> {
    core: &'a Core,
    ticket: Ticket,
}

impl<'a> Place<'a> {
    /// Takes the last place, with a permit at once if the message would be accepted.
    fn take(core: &'a Core, target: Target, bytes: usize) -> Self {
        // Capacity is checked and the place taken under one lock: none is freed in between.
        let mut routing = core.routing.lock();
        let wait = !core.is_closed() && !routing.router.accepts(&target, bytes);
        let ticket = routing.waiters.join(target, bytes, wait);
        Self { core, ticket }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut routing = self.core.routing.lock();
        // One that no longer waits was given a permit, used or not: the next task gets it. One that
        // still waited had none to pass on.
        if !routing.waiters.leave(self.ticket.number) {
            routing.wake_next();
        }
    }
}

#[cfg(test)]
mod tests {
    use casty_proto::NodeAddress;
    use casty_transport::MemoryNetwork;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;
    use crate::{ClusterClient, TransportConfig};

    #[tokio::test]
    async fn who_finds_capacity_that_came_meanwhile_waits_no_further_and_nor_does_who_is_too_late()
    {
        let network = MemoryNetwork::new();
        let client = ClusterClient::builder("s")
            .contact_point("n:1")
            .transport(TransportConfig::memory(network));
        let client = client.connect().await.unwrap();
        let node = || Target::Node(NodeAddress::new("n", 1));
        for closed in [false, true] {
            if closed {
                client.close(Duration::ZERO).await;
            }
            let mut place = Place::take(client.core(), node(), 1);
            // A sender that is gone is a permit, too.
            assert_eq!(place.ticket.permit.try_recv(), Err(TryRecvError::Closed));
            assert_eq!(client.stats().gauges.waiting_tells, 0);
        }
    }
}
