//! The messages that arrive from one node, and their receivers.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use casty_proto::frame::{BorrowedFrame, Frame, FrameKind};
use casty_proto::header::{self, Header};
use casty_proto::message::ShardLocation;
use casty_proto::message::streams::StreamCancel;
use casty_proto::{ActorUri, Chain, Escaped, Limits};
use casty_transport::Session;

use crate::error::{OverLimit, reason};
use crate::node::identity::Identity;
use crate::node::peer::Peer;
use crate::node::protocol::{LOCATIONS_PATH, PROBES_PATH, STREAMS_PATH, Snapshot, VIEWS_PATH};
use crate::pending_asks::id::ReplyAddress;
use crate::pending_asks::outcome::Failure;
use crate::pending_asks::replies::Batch;
use crate::pending_asks::reply::EncodedReply;
use crate::pending_asks::waiter::Woken;
use crate::runtime::byte_limit::Counted;
use crate::runtime::shared_bytes::Share;
use crate::send::Core;

/// The bounds of decoding a location, which names an owner and replicas: it is read where the
/// connection is, and must not hold that up.
const LOCATION: Limits = Limits::new().with_bytes(64 * 1024).with_items(1024);

/// The inbound side of one connection.
pub(crate) struct Inbound {
    core: Arc<Core>,
    peer: Arc<Peer>,
    /// The replies of the current batch.
    replies: Vec<(ReplyAddress, EncodedReply)>,
    /// The waiters for the replies of the current batch, empty between two.
    woken: Woken,
    /// The bytes of a frame that has not come in whole yet.
    unfinished: Share,
    /// Set once the log has told of a message over the limit.
    told: bool,
}

impl Inbound {
    /// Returns the inbound side of the connection to `peer`.
    pub(crate) fn new(core: Arc<Core>, peer: Arc<Peer>) -> Self {
        Self {
            unfinished: Share::of(&core.inbound_bytes),
            core,
            peer,
            replies: Vec::new(),
            woken: Woken::default(),
            told: false,
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
        if let Some(address) = Identity::address_in_path(path.as_bytes()) {
            self.replies.push((address, message.into()));
        } else if let Some(number) = path.strip_prefix(VIEWS_PATH) {
            self.view(number, &header, Ok(message));
        } else if let Some(region) = path.strip_prefix(LOCATIONS_PATH) {
            self.location(region, &message);
        } else if path == PROBES_PATH {
            // That it came is all that it says.
        } else {
            self.to_actor(path, message);
        }
    }

    /// Handles a message for an actor of this client.
    fn to_actor(&self, path: &str, message: Bytes) {
        let by = Some(self.peer.id);
        if let Err(error) = self.core.mailboxes.deliver(path, message, by) {
            self.core.counters.inbound_dropped.add(1);
            let shown = Escaped::new(path);
            tracing::debug!(node = %self.peer.node, path = %shown, error = %Chain(&error), "message dropped");
            self.dropped(path);
        }
    }

    /// Has a producer stop whose message was dropped, if its stream was given up before it was known to
    /// send; has streams look whether they have overflowed, if it was for one.
    fn dropped(&self, path: &str) {
        if !path.starts_with(STREAMS_PATH) {
            return;
        }
        if let Some(producer) = self.core.streams.abandoned(path)
            && let Ok(ActorUri { path, .. }) = producer.parts()
        {
            self.core.send_control(&self.peer, path, &StreamCancel {});
        } else {
            // One that has read all before may wait, and nothing is let in any more: it is full, or its
            // connection is no more.
            self.core.streams.changed();
        }
    }

    /// Handles a view, for the subscription of that number.
    fn view(&self, number: &str, header: &Header<'_>, message: Result<Bytes, OverLimit>) {
        let Ok(subscription) = number.parse() else {
            return self.malformed("subscription");
        };
        let sender = header.sender.strip_prefix("casty://").unwrap_or_default();
        let system = sender.split(['@', '/']).next().unwrap_or_default().into();
        // One that is dropped, because too many or too long ones wait, is followed by another.
        let counted = message.map(|message| Counted::new(message, &self.core.view_bytes));
        let taken = counted.transpose().is_some_and(|message| {
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
    }

    /// Handles a coordinator's answer.
    fn location(&self, region: &str, message: &[u8]) {
        match self.core.codec.decode::<ShardLocation>(message, &LOCATION) {
            Ok(location) => self.core.located(region, location),
            Err(error) => {
                let region = Escaped::new(region);
                tracing::warn!(node = %self.peer.node, %region, error = %reason(&error), "unreadable location");
                self.malformed("location");
            }
        }
    }

    /// Handles a message whose frame is over the limit. Returns whether its header can be read, and so
    /// is one.
    fn over_limit(&mut self, header: &[u8], limit: OverLimit) -> bool {
        let Ok(header) = Header::read(header) else {
            return false;
        };
        let Ok(ActorUri { path, .. }) = ActorUri::parse(&header.target) else {
            return false;
        };
        let address = Identity::address_in_path(path.as_bytes());
        if address.is_some() {
            // After the replies that came before it: the first one counts.
            self.batch_end();
        }
        let end = |address| self.core.asks.end(address, Err(Failure::OverLimit(limit)));
        if address.is_some_and(end) {
            // Its task knows.
        } else if let Some(number) = path.strip_prefix(VIEWS_PATH) {
            self.view(number, &header, Err(limit));
        } else {
            self.core.counters.inbound_malformed.add(1);
            let (node, path) = (&self.peer.node, Escaped::new(path));
            if std::mem::replace(&mut self.told, true) {
                tracing::debug!(%node, %path, %limit, "message skipped");
            } else {
                tracing::warn!(%node, %path, %limit, "message skipped");
            }
        }
        true
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
        match self.peer.identity.address_in_header(header) {
            Some(address) => {
                // The payload becomes the reply; a slice of it would count one more reference.
                let header = frame.payload.len() - message.len();
                let mut reply = frame.payload;
                reply.advance(header);
                self.replies.push((address, EncodedReply::Long(reply)));
            }
            None => self.other(&frame.payload),
        }
    }

    fn borrowed(&mut self, frame: BorrowedFrame<'_>) -> bool {
        if frame.kind != FrameKind::Message {
            return false;
        }
        let Ok((header, message)) = header::split_payload(frame.payload) else {
            return false;
        };
        let Some(address) = self.peer.identity.address_in_header(header) else {
            return false;
        };
        let Some(reply) = EncodedReply::copy(message) else {
            return false;
        };
        self.replies.push((address, reply));
        true
    }

    fn holds(&mut self, bytes: usize) -> bool {
        self.unfinished.set(bytes)
    }

    fn too_long(&mut self, header: &[u8], length: usize) -> bool {
        let max = self.core.limits.max_inbound_frame;
        let limit = if length > max {
            OverLimit::Frame { length, max }
        } else {
            let max = self.core.limits.inbound_bytes();
            OverLimit::InboundBytes { length, max }
        };
        self.over_limit(header, limit)
    }

    fn batch_end(&mut self) -> usize {
        self.peer.received();
        if self.replies.is_empty() {
            return 0;
        }
        let mut batch = Batch::new(&self.core.asks, &mut self.woken);
        let mut strangers = 0;
        for (address, reply) in self.replies.drain(..) {
            strangers += usize::from(!batch.reply(address, reply));
        }
        drop(batch);
        if strangers > 0 {
            self.core.counters.inbound_dropped.add(strangers);
            tracing::debug!(node = %self.peer.node, strangers, "replies dropped: no ask was told their address");
        }
        let woken = self.woken.tasks();
        self.woken.wake();
        woken
    }
}
