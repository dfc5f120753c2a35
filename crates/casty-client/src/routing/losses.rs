//! Messages that end here without having been written, or without a sign that they arrived: counted, their asks
//! ended, their dead letters noted.

use casty_proto::Escaped;
use casty_routing::{PendingMessage, Target, UndeliverableReason};

use super::Routing;
use crate::dead_letters::{DeadLetter, Loss};
use crate::error::{Fate, NotSent};
use crate::message::{Outgoing, Tag};
use crate::node::peer::Peer;
use crate::pending_asks::outcome::Failure;
use crate::shared::Shared;

impl Routing {
    /// Counts messages that may have been in flight, ends their asks, and notes their dead letters.
    pub(super) fn mark_unknown(&mut self, shared: &Shared, peer: &Peer, unknown: &[Tag]) {
        shared.counters.unknown.add(unknown.len());
        shared.counters.dead_letters.in_flight(unknown.len());
        for tag in unknown {
            let node = peer.node.clone();
            if let Some(ask) = tag.ask {
                let node = node.clone();
                let fate = Fate::Unknown;
                shared.asks.fail(ask, Failure::Lost { node, fate });
            }
            if shared.dead_letters.is_open() {
                self.dead_letters.push(DeadLetter {
                    target: self.describe(&tag.route.target(&node), None),
                    message_type: tag.kind,
                    loss: Loss::InFlight { node },
                    length: None,
                    ask: tag.ask.is_some(),
                });
            }
        }
    }

    /// Fails a message that the router could not deliver.
    pub(super) fn undeliverable(
        &mut self,
        shared: &Shared,
        pending: &PendingMessage<Outgoing>,
        reason: &UndeliverableReason,
    ) {
        let path = pending.item.actor.as_ref().map(|(path, _)| &**path);
        tracing::debug!(
            target = %self.describe(&pending.target, path),
            %reason,
            "message not sent"
        );
        let reason = match reason {
            UndeliverableReason::BufferFull { .. } => NotSent::BufferFull,
            UndeliverableReason::Displaced => NotSent::Displaced,
            UndeliverableReason::Deadline { missing } => NotSent::Expired(missing.clone()),
            UndeliverableReason::NodeGone { .. } => NotSent::NodeGone,
            UndeliverableReason::WrongCount { allocated, count }
            | UndeliverableReason::UnknownShard {
                shard: allocated,
                count,
            } => NotSent::OtherShardCount {
                allocated: *allocated,
                count: *count,
            },
            // The only one that is left: a region of the client's own is known to its router.
            _ => NotSent::Closed,
        };
        self.fail_not_sent(shared, pending, reason);
    }

    /// Counts a message that was never sent, ends its ask, and notes its dead letter.
    pub(super) fn fail_not_sent(
        &mut self,
        shared: &Shared,
        pending: &PendingMessage<Outgoing>,
        reason: NotSent,
    ) {
        shared.counters.not_sent.add(1);
        let bytes = &shared.counters.not_sent_bytes;
        bytes.add(pending.item.message.len());
        shared.counters.dead_letters.not_sent(&reason);
        self.counters_of(&pending.target).not_sent += 1;
        if let Some(ask) = pending.item.ask {
            shared.asks.fail(ask, Failure::NotSent(reason.clone()));
        }
        if shared.dead_letters.is_open() {
            let path = pending.item.actor.as_ref().map(|(path, _)| &**path);
            self.dead_letters.push(DeadLetter {
                target: self.describe(&pending.target, path),
                message_type: pending.item.kind,
                loss: reason.into(),
                length: Some(pending.item.message.len()),
                ask: pending.item.ask.is_some(),
            });
        }
    }

    /// Returns the target of a message in words.
    fn describe(&self, target: &Target, path: Option<&str>) -> String {
        match target {
            Target::Shard { region, shard } => {
                let name = self.router.region_name(*region).map_or("", |name| name);
                format!("{name}/{shard}")
            }
            Target::Node(node) => format!("{node}{}", Escaped::new(path.unwrap_or_default())),
            Target::Leader => format!("leader{}", Escaped::new(path.unwrap_or_default())),
        }
    }
}
