//! Messages to entities of one region, encoded one behind the other and put into outboxes many at a
//! time.

use std::sync::Arc;

use casty_proto::{EncodeError, TraceParent};
use casty_routing::ShardId;

use crate::error::TellError;
use crate::message::{Encoded, Message, Region, Route, Tag};
use crate::node::peer::Peer;
use crate::pending_asks::id::OpenAsk;
use crate::send::{Core, give_way, refusal};

/// The most messages and bytes that are encoded before they are sent: few enough to stay in the
/// processor's nearest caches, and senders to the same node wait for no longer than some
/// microseconds.
pub(crate) const MESSAGES: usize = 64;
const BYTES: usize = 32 * 1024;

/// Encoded messages to entities of one region.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// The Rust type of the messages.
    kind: &'static str,
    /// The trace context of all of them.
    trace: Option<TraceParent>,
}

#[derive(Debug)]
struct Entry {
    shard: ShardId,
    /// The offset of the end of the message.
    end: usize,
    ask: Option<OpenAsk>,
}

impl Batch {
    /// Encodes one more message, for an entity of this shard.
    pub(crate) fn add(
        &mut self,
        core: &Core,
        shard: ShardId,
        message: &impl Message,
        ask: Option<OpenAsk>,
    ) -> Result<(), EncodeError> {
        let before = self.bytes.len();
        if let Err(error) = message.encode(&core.codec, &mut self.bytes) {
            self.bytes.truncate(before);
            return Err(error);
        }
        self.kind = message.kind();
        if self.entries.is_empty() {
            self.trace = core.trace_of(None);
        }
        let end = self.bytes.len();
        self.entries.push(Entry { shard, end, ask });
        Ok(())
    }

    /// Takes the last message back.
    pub(crate) fn take_back(&mut self) {
        self.entries.pop();
        let end = self.entries.last().map_or(0, |entry| entry.end);
        self.bytes.truncate(end);
    }

    /// Removes all messages, and keeps the memory unless one was long.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.bytes.shrink_to(4 * BYTES);
    }

    /// Returns the number of messages.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether it is time to send it.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= MESSAGES || self.bytes.len() >= BYTES
    }

    /// Returns the message at this place.
    pub(crate) fn message(&self, at: usize) -> Encoded<'_> {
        let start = at
            .checked_sub(1)
            .map_or(0, |before| self.entries[before].end);
        Encoded {
            bytes: &self.bytes[start..self.entries[at].end],
            kind: self.kind,
            trace: self.trace.as_ref(),
        }
    }

    /// Returns the shard to which the message at this place goes.
    pub(crate) fn shard(&self, at: usize) -> ShardId {
        self.entries[at].shard
    }

    /// Sends the messages from place `from` on, in order, until one is not accepted. Returns the
    /// place of that one, and why; the number of messages if all were accepted.
    ///
    /// Those for one node that follow one another cost one lock of its outbox.
    pub(crate) fn send(
        &self,
        core: &Core,
        region: Region<'_>,
        from: usize,
    ) -> (usize, Option<TellError>) {
        let mut at = from;
        while at < self.entries.len() {
            if core.is_closed() {
                return (at, Some(TellError::Closed));
            }
            let (pushed, refused) = self.push(core, region, at);
            at += pushed;
            if let Some(refused) = refused {
                return (at, Some(refused));
            }
            // The next one has no owner that takes it: the router finds a route.
            if pushed == 0 {
                let to = region.destination(self.shard(at));
                if let Err(refused) = core.send(&to, self.message(at), self.entries[at].ask) {
                    return (at, Some(refused));
                }
                at += 1;
            }
        }
        (at, None)
    }

    /// Puts the messages from place `from` on that go to the same node into its outbox. Returns how
    /// many went there, and why the next one is refused if it is.
    fn push(&self, core: &Core, region: Region<'_>, from: usize) -> (usize, Option<TellError>) {
        let table = core.table.current();
        let owner = |at: usize| {
            let entry = self.entries.get(at)?;
            table.owner(region.id, entry.shard)
        };
        let Some(peer) = owner(from) else {
            return (0, None);
        };
        let goes_along = |at: &usize| owner(*at).is_some_and(|next| Arc::ptr_eq(next, peer));
        let count = (from..self.entries.len()).take_while(goes_along).count();
        // An ask on a connection that replies at an address of its own is rewritten by itself.
        if self.entries[from].ask.is_some() && !peer.is_confirmed() {
            return (0, None);
        }
        self.push_to(core, region, peer, from..from + count)
    }

    /// Puts these messages into the outbox of one node.
    fn push_to(
        &self,
        core: &Core,
        region: Region<'_>,
        peer: &Peer,
        range: std::ops::Range<usize>,
    ) -> (usize, Option<TellError>) {
        let asks = || range.clone().filter_map(|at| self.entries[at].ask);
        // Before the push: the connection may be lost right after it, and ends the asks that name
        // it.
        core.asks.all_carried_by(asks().map(|ask| ask.id), peer.id);
        let told = core.clock.deadline(core.limits.buffer_timeout);
        let messages = range.clone().map(|at| {
            let Entry { shard, ask, .. } = self.entries[at];
            let tag = Tag {
                route: Route::Shard(region.id, shard),
                deadline: ask.map_or(told, |ask| ask.deadline),
                ask: ask.map(|ask| ask.id),
                kind: self.kind,
            };
            (self.message(at).bytes, tag)
        });
        let pushed = peer.push_envelopes(region, self.trace.as_ref(), messages);
        give_way::note(pushed.fills_batch);
        for ask in asks().skip(pushed.count) {
            core.asks.requeued(ask.id, peer.id);
        }
        let refused = pushed
            .rejected
            .and_then(|rejected| refusal(rejected.reason, peer.node.clone()));
        (pushed.count, refused)
    }
}
