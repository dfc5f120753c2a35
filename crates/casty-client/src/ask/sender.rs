//! The sending of an ask: a slot, the message with the reference to reply to, and the outbox.

use std::fmt;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use casty_proto::ActorRef;
use casty_routing::{RegionId, ShardId};

use crate::ask::choice::AskChoice;
use crate::ask::meter::Meter;
use crate::ask::open::Open;
use crate::ask::retry::{Kept, Others, Policy, Retrying, Schedule};
use crate::ask::span::AskSpan;
use crate::error::{AskError, TellError};
use crate::message::{Destination, Encoded, Region};
use crate::node::identity::Identity;
use crate::pending_asks::id::{AskId, HERE, OpenAsk, ReplyAddress};
use crate::pending_asks::opening::{AskKind, LoneAsk};
use crate::pending_asks::waiter::Waiter;
use crate::runtime::clock::Tick;
use crate::send::Core;
use crate::send::tables::Current;

/// The way in which an ask is to be carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) timeout: Duration,
    /// Set if the message may be sent again.
    pub(crate) policy: Option<Policy>,
    /// The shard to which the message will go, if that is known before it is made.
    pub(crate) towards: Option<(RegionId, ShardId)>,
    /// The measure of its time.
    pub(crate) meter: Meter,
}

/// The making and sending of an ask's message, given the reference to reply to, to one that is chosen
/// before if there is a choice. An implementation detail of [`Ask`](crate::Ask).
pub trait SendAsk<R, C: AskChoice = ()> {
    #[doc(hidden)]
    fn choose(&self) -> Result<C, C::Error>;

    #[doc(hidden)]
    fn send(
        self,
        chosen: &C,
        ask: &mut AskSender<'_>,
        reply_to: ActorRef<R>,
    ) -> Result<(), AskError>;
}

impl<R, F> SendAsk<R> for F
where
    F: FnOnce(&mut AskSender<'_>, ActorRef<R>) -> Result<(), AskError>,
{
    #[inline]
    fn choose(&self) -> Result<(), AskError> {
        Ok(())
    }

    #[inline]
    fn send(self, (): &(), ask: &mut AskSender<'_>, reply_to: ActorRef<R>) -> Result<(), AskError> {
        self(ask, reply_to)
    }
}

/// Takes a slot, makes the message and sends it, within `route` if that is shorter than the ask may take.
/// The ask wakes the task of `cx`, if there is one.
#[inline]
pub(super) fn start<R, C: AskChoice, F: SendAsk<R, C>>(
    core: &Arc<Core>,
    plan: &Plan,
    route: Option<Duration>,
    (send, chosen): (F, &C),
    (cx, span): (Option<&Context<'_>>, &AskSpan),
) -> Result<Open, AskError> {
    let mut ask = AskSender::new(core, span);
    if !ask.open(plan, cx) {
        let limit = core.asks.limit();
        return Err(AskError::TooManyAsks { limit });
    }
    if let Some(route) = route {
        ask.ask.deadline = core.clock.deadline(route);
    }
    let reply_to = ask.make_reference();
    send.send(chosen, &mut ask, reply_to.cast())?;
    Ok(ask.accept())
}

/// The sending side of an ask that has its slot. An implementation detail of [`Ask`](crate::Ask).
///
/// The slot is free again when this is dropped before the message was accepted: the message is made
/// by the user's code, which may fail or panic.
pub struct AskSender<'a> {
    core: &'a Arc<Core>,
    ask: OpenAsk,
    secret: u64,
    /// The table that was looked at for the message's way. User's code runs meanwhile, so it may not be
    /// the current one any more.
    looked: Option<Current>,
    /// A clone of the reference that the message was made with.
    asked: Option<ActorRef<()>>,
    /// Set if the message is to be kept, to be sent again.
    again: Option<Box<Again>>,
    /// Set while the slot is to be free again with this.
    is_open: bool,
    span: &'a AskSpan,
}

/// The part of an ask that may be sent again.
struct Again {
    schedule: Schedule,
    kept: Option<Kept>,
}

impl<'a> AskSender<'a> {
    /// Returns one that has no slot yet.
    #[inline]
    fn new(core: &'a Arc<Core>, span: &'a AskSpan) -> Self {
        Self {
            core,
            ask: OpenAsk {
                id: AskId::from_bits(0),
                deadline: Tick::default(),
                carrier: None,
            },
            secret: 0,
            looked: None,
            asked: None,
            again: None,
            is_open: false,
            span,
        }
    }

    /// Takes a slot; returns `false` if there is none. In place, for this is long.
    fn open(&mut self, plan: &Plan, cx: Option<&Context<'_>>) -> bool {
        let core = self.core;
        let deadline = core.clock.deadline(plan.timeout);
        let (mut kind, mut carrier) = (AskKind::Once, None);
        if let Some(policy) = plan.policy {
            let schedule = Schedule::new(core, policy, deadline);
            let due = schedule.due(core);
            let kept = None;
            self.again = Some(Box::new(Again { schedule, kept }));
            kind = AskKind::Repeatable { due };
        } else if let Some((region, shard)) = plan.towards {
            // Noted with the opening, and corrected if the message takes another way: a further visit
            // of the slot for each ask costs more than the look at the table.
            let looked = self.looked.insert(core.table.current());
            carrier = looked.owner(region, shard).map(|peer| peer.id);
        }
        let opened = core.asks.open(LoneAsk {
            deadline,
            kind,
            carrier,
            waiter: cx.map(Waiter::task),
        });
        let Some(ReplyAddress { id, secret }) = opened else {
            return false;
        };
        self.ask = OpenAsk {
            id,
            deadline,
            carrier,
        };
        self.secret = secret;
        self.is_open = true;
        core.clock.keep_awake();
        true
    }

    /// Returns the address to which the reply goes.
    #[inline]
    pub(crate) fn reply_address(&self) -> ReplyAddress {
        ReplyAddress {
            id: self.ask.id,
            secret: self.secret,
        }
    }

    /// Returns the reference that the message is to hold.
    #[inline]
    fn make_reference(&mut self) -> ActorRef<()> {
        let reply_to = self.core.identity.ask_ref(self.reply_address());
        self.asked.insert(reply_to).clone()
    }

    /// Returns the state of an ask whose message was accepted.
    #[inline]
    fn accept(&mut self) -> Open {
        self.is_open = false;
        if let Some(asked) = self.asked.take() {
            self.core.identity.give_back(asked);
        }
        match self.again.take() {
            None => Open::Waiting(self.ask.id),
            Some(again) => match again.kept {
                Some(kept) => {
                    let retrying = Retrying::new(self.ask, kept, again.schedule);
                    Open::Retrying(Box::new(retrying))
                }
                None => Open::Waiting(self.ask.id),
            },
        }
    }

    /// Checks that the message, which is not dropped yet, can be answered.
    #[inline]
    fn check_answerable(&self, message: &[u8]) -> Result<(), AskError> {
        match &self.asked {
            Some(asked) => check_answerable(self.core, self.reply_address(), asked, message),
            None => Ok(()),
        }
    }

    /// Sends an encoded message to a node.
    #[inline]
    pub(crate) fn send(
        &mut self,
        to: &Destination<'_>,
        message: Encoded<'_>,
    ) -> Result<(), AskError> {
        self.check_answerable(message.bytes)?;
        // The trace context that it is given is kept for less long than its bytes are.
        let mut message = message;
        self.span.sent_to(to, message.kind);
        if let Some(again) = &mut self.again {
            let kept = again.kept.insert(Kept::new(self.core, to, message)?);
            message.trace = kept.trace();
        }
        Ok(self.core.send(to, message, Some(self.ask))?)
    }

    /// Sends an encoded message of `class` to the first of several that may handle it: if it may be sent
    /// again, `others` say where to.
    pub(crate) fn send_to_one_of(
        &mut self,
        others: &Arc<dyn Others>,
        to: &Destination<'_>,
        class: &str,
        message: Encoded<'_>,
    ) -> Result<(), AskError> {
        self.check_answerable(message.bytes)?;
        // The trace context that it is given is kept for less long than its bytes are.
        let mut message = message;
        self.span.sent_to(to, message.kind);
        if let Some(again) = &mut self.again {
            let kept = Kept::for_others(self.core, others, class, message)?;
            message.trace = again.kept.insert(kept).trace();
        }
        Ok(self.core.send(to, message, Some(self.ask))?)
    }

    /// Sends an encoded message to the owner of a shard.
    #[inline]
    pub(crate) fn send_to_shard(
        &mut self,
        region: Region<'_>,
        shard: ShardId,
        message: Encoded<'_>,
    ) -> Result<(), AskError> {
        if self.again.is_some() {
            return self.send(&region.destination(shard), message);
        }
        self.check_answerable(message.bytes)?;
        self.span.sent_to(&region.destination(shard), message.kind);
        let looked = self.looked.take();
        let to = (region, shard);
        Ok(self.core.ask_shard(to, message, self.ask, looked)?)
    }

    /// Sends an encoded message of `class` to an actor of whichever node leads. Only one that may be sent
    /// again waits for a leader if there is none.
    pub(crate) fn send_to_leader(
        &mut self,
        path: &str,
        class: &str,
        message: Encoded<'_>,
    ) -> Result<(), AskError> {
        if self.again.is_none() && self.core.leader().is_none() {
            return Err(TellError::NoLeader.into());
        }
        self.send(&Destination::Leader { path, class }, message)
    }

    /// Sends an encoded message although the client accepts no more; see [`Core::send_last`].
    pub(crate) fn send_last(
        &mut self,
        to: &Destination<'_>,
        message: Encoded<'_>,
    ) -> Result<(), AskError> {
        self.check_answerable(message.bytes)?;
        self.span.sent_to(to, message.kind);
        Ok(self.core.send_last(to, message, self.ask)?)
    }

    /// Hands an encoded message to an actor of this client.
    pub(crate) fn deliver_here(&mut self, path: &str, message: &[u8]) -> Result<(), AskError> {
        self.check_answerable(message)?;
        self.span.sent_here(path);
        self.core.asks.carried_by(self.ask.id, HERE);
        Ok(self
            .core
            .deliver_here(path, Bytes::copy_from_slice(message))?)
    }
}

/// Checks that a message, which is not dropped yet, can be answered. `reply_to` is a clone of the
/// reference that it was made with.
///
/// A message that holds the reference keeps it shared. One that does not may have its URI as text,
/// so it is searched for before it is refused.
#[inline]
pub(crate) fn check_answerable(
    core: &Core,
    address: ReplyAddress,
    reply_to: &ActorRef<()>,
    message: &[u8],
) -> Result<(), AskError> {
    if reply_to.is_shared() {
        Ok(())
    } else {
        search(core, address, message)
    }
}

#[cold]
fn search(core: &Core, address: ReplyAddress, message: &[u8]) -> Result<(), AskError> {
    let mut found = false;
    let read = core.codec.edit(message, &core.own_messages(), |plain| {
        found = Identity::is_asked_in(plain, address);
    });
    match read {
        Ok(_) if !found => Err(AskError::NoReplyTo),
        _ => Ok(()),
    }
}

impl Drop for AskSender<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.is_open {
            self.core.asks.abandon(self.ask.id);
        }
    }
}

impl fmt::Debug for AskSender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskSender")
            .field("id", &self.ask.id)
            .finish_non_exhaustive()
    }
}
