//! The messages that arrive from one node, and their receivers.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use casty_proto::frame::{Frame, FrameKind};
use casty_proto::header::{self, Header};
use casty_proto::message::ShardLocation;
use casty_proto::{ActorUri, Chain, Escaped, Limits};
use casty_transport::Session;

use crate::node::peer::Peer;
use crate::node::protocol::{LOCATIONS_PATH, PROBES_PATH, Snapshot, VIEWS_PATH};
use crate::pending_asks::id::AskId;
use crate::pending_asks::replies::Batch;
use crate::runtime::byte_limit::Counted;
use crate::send::Core;

/// The inbound side of one connection.
pub(crate) struct Inbound {
    core: Arc<Core>,
    peer: Arc<Peer>,
    /// The replies of the current batch.
    replies: Vec<(AskId, Bytes)>,
}

impl Inbound {
    /// Returns the inbound side of the connection to `peer`.
    pub(crate) fn new(core: Arc<Core>, peer: Arc<Peer>) -> Self {
        Self {
            core,
            peer,
            replies: Vec::new(),
        }
    }

    /// Handles any message but a reply with the header that nodes write.
    fn other(&mut self, payload: &Bytes) {
        let Ok((header, message)) = Header::split(payload) else {
            return self.malformed("header");
        };
        let message = payload.slice_ref(message);
        let Ok(ActorUri { path, .. }) = ActorUri::parse(&header.target) else {
            return self.malformed("target");
        };
        if let Some(id) = self.core.identity.ask_id(path.as_bytes()) {
            self.replies.push((id, message));
        } else if let Some(number) = path.strip_prefix(VIEWS_PATH) {
            let Ok(subscription) = number.parse() else {
                return self.malformed("subscription");
            };
            let sender = header.sender.strip_prefix("casty://").unwrap_or_default();
            let system = sender.split(['@', '/']).next().unwrap_or_default().into();
            // One that is dropped, because too many or too long ones wait, is followed by another.
            let counted = Counted::new(message, &self.core.view_bytes);
            let taken = counted.is_some_and(|message| {
                self.core.snapshot(Snapshot {
                    from: self.peer.node.clone(),
                    system,
                    subscription,
                    message,
                })
            });
            if !taken {
                tracing::debug!(node = %self.peer.node, "a view was dropped: the control task is busy");
            }
        } else if let Some(region) = path.strip_prefix(LOCATIONS_PATH) {
            self.location(region, &message);
        } else if path == PROBES_PATH {
            // That it came is all that it says.
        } else if let Err(error) = self.core.mailboxes.deliver(path, message) {
            self.core.counters.inbound_dropped.add(1);
            let path = Escaped::new(path);
            tracing::debug!(node = %self.peer.node, %path, error = %Chain(&error), "message dropped");
        }
    }

    /// Handles a coordinator's answer.
    fn location(&self, region: &str, message: &[u8]) {
        let limits = Limits::default();
        match self.core.codec.decode::<ShardLocation>(message, &limits) {
            Ok(location) => self.core.located(region, location),
            Err(error) => {
                let region = Escaped::new(region);
                tracing::warn!(node = %self.peer.node, %region, error = %Chain(&error), "unreadable location");
                self.malformed("location");
            }
        }
    }

    /// Counts a message that cannot be read, and skips it.
    fn malformed(&self, what: &'static str) {
        self.core.counters.inbound_malformed.add(1);
        tracing::debug!(node = %self.peer.node, what, "message skipped: it cannot be read");
    }
}

impl Session for Inbound {
    fn frame(&mut self, frame: Frame) {
        // Handshakes after the first and types unknown are ignored, as nodes ignore them.
        if frame.kind != FrameKind::Message {
            return;
        }
        let Ok((header, message)) = header::split_payload(&frame.payload) else {
            return self.malformed("length");
        };
        match self.peer.identity.ask_id_of_header(header) {
            Some(id) => {
                // The payload becomes the reply; a slice of it would count one more reference.
                let header = frame.payload.len() - message.len();
                let mut reply = frame.payload;
                reply.advance(header);
                self.replies.push((id, reply));
            }
            None => self.other(&frame.payload),
        }
    }

    fn batch_end(&mut self) -> usize {
        self.peer.received();
        if self.replies.is_empty() {
            return 0;
        }
        let mut batch = Batch::new(&self.core.asks);
        for (id, reply) in self.replies.drain(..) {
            batch.end(id, Ok(reply));
        }
        batch.woken()
    }
}
