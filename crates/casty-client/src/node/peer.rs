//! One connected node: its outbox, and the headers of what goes there.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use casty_proto::header::{self, Header, TracedHeader};
use casty_proto::message::SHARD_ENVELOPE;
use casty_proto::{ActorUri, NodeAddress, TraceParent};
use casty_routing::{ObservedConnection, RegionId};
use casty_transport::{Outbox, OutboxLimits, Pushed, PushedAll, Rejected, UnsentMessage};

use crate::message::{Encoded, Outgoing, Region, Route, Tag};
use crate::node::identity::Identity;
use crate::node::templates::Templates;
use crate::pending_asks::id::PeerId;
use crate::runtime::stripes::CachePadded;

/// A live connection to a node.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) node: NodeAddress,
    pub(crate) outbox: Arc<Outbox<Tag>>,
    /// Set while the router buffers messages for actors of this node: later ones go behind them.
    /// Written under the router's lock; see `Routing::note_backlog` for its memory order.
    pub(crate) backlog: AtomicBool,
    /// The client's address that the connection announced.
    pub(crate) identity: Arc<Identity>,
    /// Set if the node may reply to the client's first address, and not only to the one of this
    /// connection.
    confirmed: AtomicBool,
    /// The number of reads that brought bytes. On cache lines of its own, because senders read the
    /// rest of this.
    reads: CachePadded<AtomicU64>,
    system: Arc<str>,
    sender: Arc<str>,
    templates: Templates,
}

/// The parts of a connection just made.
pub(crate) struct NewPeer {
    pub(crate) id: PeerId,
    pub(crate) node: NodeAddress,
    /// The name of the node's actor system.
    pub(crate) system: Arc<str>,
    /// The URI that messages name as their sender.
    pub(crate) sender: Arc<str>,
    /// The address that the connection announced.
    pub(crate) identity: Arc<Identity>,
    /// Set if that is the client's first address.
    pub(crate) confirmed: bool,
    pub(crate) limits: OutboxLimits,
}

impl Peer {
    /// Returns the peer of a connection just made, with an empty outbox.
    pub(crate) fn new(new: NewPeer) -> Self {
        Self {
            id: new.id,
            node: new.node,
            outbox: Arc::new(Outbox::new(new.limits)),
            backlog: AtomicBool::new(false),
            identity: new.identity,
            confirmed: AtomicBool::new(new.confirmed),
            reads: CachePadded::default(),
            system: new.system,
            sender: new.sender,
            templates: Templates::new(),
        }
    }

    /// Notes that bytes came in.
    pub(crate) fn received(&self) {
        // Relaxed, here and below: a number by itself, which is looked at once a second.
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the connection as it is now, for [`casty_routing::Liveness`]; `awaited` if its node
    /// may send at any time.
    pub(crate) fn observed(&self, awaited: bool) -> ObservedConnection {
        let progress = self.outbox.progress();
        ObservedConnection {
            connection: self.id.0,
            received: self.reads.load(Ordering::Relaxed),
            accepted: progress.accepted,
            sent: progress.sent,
            awaited,
        }
    }

    /// Returns whether the node may reply to the client's first address.
    pub(crate) fn is_confirmed(&self) -> bool {
        // Pairs with `confirm`, so that what the control task did before is done for a sender that
        // sees it. No lock is needed: a sender that still reads `false` names the address of this
        // connection, which is good as long as the connection; one that still reads `true` is as
        // if it had sent a moment earlier.
        self.confirmed.load(Ordering::Acquire)
    }

    /// Sets whether the node may reply to the client's first address.
    pub(crate) fn confirm(&self, confirmed: bool) {
        self.confirmed.store(confirmed, Ordering::Release);
    }

    /// Puts an encoded envelope for the owner of a shard into the outbox.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "copies the tag once less")]
    pub(crate) fn push_envelope(
        &self,
        region: RegionId,
        name: &str,
        message: &[u8],
        tag: Tag,
    ) -> Result<Pushed, Rejected<Tag>> {
        let header = self.envelope_header(region, name);
        self.outbox.push(&[&*header, message], Some(tag))
    }

    /// Puts an encoded envelope for the owner of a shard into the outbox, with its trace context if it has
    /// one.
    pub(crate) fn push_traced_envelope(
        &self,
        Region { id, name }: Region<'_>,
        message: Encoded<'_>,
        tag: Tag,
    ) -> Result<Pushed, Rejected<Tag>> {
        self.push(&self.envelope_header(id, name), message, Some(tag))
    }

    /// Puts encoded envelopes for the owner of shards of one region into the outbox, in order, until
    /// one is not accepted, all with the same trace context if there is one.
    pub(crate) fn push_envelopes<'m>(
        &self,
        Region { id, name }: Region<'_>,
        trace: Option<&TraceParent>,
        messages: impl IntoIterator<Item = (&'m [u8], Tag)>,
    ) -> PushedAll<Tag> {
        let mut header = self.envelope_header(id, name);
        if let Some(trace) = trace
            && let Some(traced) = TracedHeader::new(&header, trace)
        {
            header = Cow::Owned(traced.parts().concat());
        }
        self.outbox.push_all(&header, messages)
    }

    /// Puts an encoded message behind its header into the outbox, with its trace context if it has one.
    fn push(
        &self,
        header: &[u8],
        message: Encoded<'_>,
        tag: Option<Tag>,
    ) -> Result<Pushed, Rejected<Tag>> {
        let trace = message.trace;
        match trace.and_then(|trace| TracedHeader::new(header, trace)) {
            Some(traced) => {
                let [length, front, tail] = traced.parts();
                let parts = [length, front, tail, message.bytes];
                self.outbox.push(&parts, tag)
            }
            None => self.outbox.push(&[header, message.bytes], tag),
        }
    }

    /// Returns the header of a region's envelopes, made once for all of them.
    #[inline]
    fn envelope_header(&self, region: RegionId, name: &str) -> Cow<'_, [u8]> {
        let make = || self.header(&format!("/_region-{name}"), SHARD_ENVELOPE);
        let kept = self.templates.get(region, make);
        kept.map_or_else(|| make().into(), Cow::Borrowed)
    }

    /// Puts an encoded message for an actor of this node into the outbox. Without a tag it is not
    /// counted, and does not come back if the connection is lost.
    pub(crate) fn push_to_actor(
        &self,
        path: &str,
        class: &str,
        message: Encoded<'_>,
        tag: Option<Tag>,
    ) -> Result<Pushed, Rejected<Tag>> {
        self.push(&self.header(path, class), message, tag)
    }

    /// Returns the part of a frame's payload that comes before the message.
    fn header(&self, path: &str, class: &str) -> Vec<u8> {
        let node = Some((self.node.host(), self.node.port()));
        let target = ActorUri {
            system: &self.system,
            node,
            path,
        }
        .to_raw();
        let header = Header {
            target: target.into(),
            sender: (&*self.sender).into(),
            type_hint: class.into(),
        };
        let mut out = Vec::with_capacity(256);
        header.write(&mut out);
        out
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({} #{})", self.node, self.id.0)
    }
}

/// Returns a message that came back from an outbox as the router takes it. Its header was written
/// by this client, so it can be read; `None` would be a bug of ours, and is treated as a loss. Its trace
/// context is read if it may be `traced`.
pub(crate) fn recover(
    unsent: &UnsentMessage<Tag>,
    readdressed: bool,
    traced: bool,
) -> Option<Outgoing> {
    let Tag {
        route,
        deadline,
        ask,
        kind,
    } = unsent.tag;
    let (head, message) = header::split_payload(&unsent.payload).ok()?;
    let trace = traced.then(|| header::trace_parent(head)).flatten();
    let actor = match route {
        Route::Shard(..) => None,
        Route::Node | Route::Leader | Route::Connection => {
            let (header, _) = Header::split(&unsent.payload).ok()?;
            let path = ActorUri::parse(&header.target).ok()?.path;
            Some((path.into(), header.type_hint.as_ref().into()))
        }
    };
    Some(Outgoing {
        actor,
        message: unsent.payload.slice_ref(message),
        deadline,
        ask,
        kind,
        trace,
        readdressed,
    })
}
