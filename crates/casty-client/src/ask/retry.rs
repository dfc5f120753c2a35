//! Sending the message of an idempotent ask again, under the same id: the first reply wins, and
//! any other finds a slot that has moved on.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use casty_proto::{NodeAddress, TraceParent};
use casty_routing::{RegionId, ShardId};

use crate::error::{AskError, TellError};
use crate::message::{Destination, Encoded};
use crate::pending_asks::copies::{RetryReason, RetryStatus};
use crate::pending_asks::id::{AskId, OpenAsk};
use crate::pending_asks::outcome::Outcome;
use crate::pending_asks::retries::Retries;
use crate::runtime::clock::Tick;
use crate::send::{Core, wait};

/// The limits of sending an idempotent ask again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// The number of times its message is sent at most, once at least.
    pub(crate) attempts: u32,
    pub(crate) hedge_after: Option<Duration>,
}

impl Policy {
    /// Returns the policy of an idempotent ask for which nothing else is said.
    pub(crate) fn of(core: &Core) -> Self {
        Self {
            attempts: core.limits.ask_attempts,
            hedge_after: None,
        }
    }
}

/// The times at which the message of one ask is to be sent again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    deadline: Tick,
    /// Attempts that are left.
    left: u32,
    hedge: Option<Tick>,
}

impl Schedule {
    /// Returns the schedule of an ask about to be sent for the first time.
    pub(crate) fn new(core: &Core, policy: Policy, deadline: Tick) -> Self {
        let hedge = policy.hedge_after.map(|after| core.clock.deadline(after));
        Self {
            deadline,
            left: policy.attempts.saturating_sub(1),
            hedge,
        }
    }

    /// Returns the time at which the next copy is due: each attempt that is left has an equal share
    /// of the time that is left.
    pub(crate) fn due(&self, core: &Core) -> Option<Tick> {
        if self.left == 0 {
            return None;
        }
        let share = core.clock.now().part(self.deadline, self.left + 1);
        Some(self.hedge.map_or(share, |hedge| hedge.min(share)))
    }

    /// Returns whether a hedge is due now, which it then no longer is.
    fn take_hedge(&mut self, core: &Core) -> bool {
        let now = core.clock.now();
        self.hedge.take_if(|at| *at <= now).is_some()
    }
}

/// The others that may handle the message of an ask as well as the one that it was sent to.
pub(crate) trait Others: Send + Sync {
    /// Returns the node and the path of the one that the next copy goes to; `None` if there is none. The
    /// one that the last copy went to has failed, unless this one is `early`.
    fn next(&self, early: bool) -> Option<(NodeAddress, Arc<str>)>;
}

/// A message and its destination, kept to be sent again. Its bytes count against `ask_bytes`.
pub(crate) struct Kept {
    core: Arc<Core>,
    to: KeptDestination,
    message: Box<[u8]>,
    kind: &'static str,
    /// The trace context of every copy.
    trace: Option<TraceParent>,
}

enum KeptDestination {
    Shard {
        region: RegionId,
        name: Box<str>,
        shard: ShardId,
    },
    Actor {
        node: NodeAddress,
        path: Box<str>,
        class: Box<str>,
    },
    Leader {
        path: Box<str>,
        class: Box<str>,
    },
    Others {
        others: Arc<dyn Others>,
        class: Box<str>,
    },
}

impl Kept {
    /// Copies a message.
    pub(crate) fn new(
        core: &Arc<Core>,
        to: &Destination<'_>,
        message: Encoded<'_>,
    ) -> Result<Self, AskError> {
        let to = match *to {
            Destination::Shard {
                region,
                name,
                shard,
            } => KeptDestination::Shard {
                region,
                name: name.into(),
                shard,
            },
            Destination::Actor {
                ref node,
                path,
                class,
            } => KeptDestination::Actor {
                node: node.clone(),
                path: path.into(),
                class: class.into(),
            },
            Destination::Leader { path, class } => KeptDestination::Leader {
                path: path.into(),
                class: class.into(),
            },
        };
        Self::of(core, to, message)
    }

    /// Copies a message of `class` that goes to others when it is sent again.
    pub(crate) fn for_others(
        core: &Arc<Core>,
        others: &Arc<dyn Others>,
        class: &str,
        message: Encoded<'_>,
    ) -> Result<Self, AskError> {
        let (others, class) = (Arc::clone(others), class.into());
        Self::of(core, KeptDestination::Others { others, class }, message)
    }

    fn of(core: &Arc<Core>, to: KeptDestination, message: Encoded<'_>) -> Result<Self, AskError> {
        let Encoded { bytes, kind, trace } = message;
        let (length, limit) = (bytes.len(), core.asks.bytes.limit());
        if !core.asks.bytes.reserve(length) {
            return Err(AskError::AskBytesFull { length, limit });
        }
        Ok(Self {
            core: Arc::clone(core),
            to,
            message: bytes.into(),
            kind,
            trace: core.trace_of(trace),
        })
    }

    /// Returns the trace context with which each copy is sent.
    pub(crate) fn trace(&self) -> Option<&TraceParent> {
        self.trace.as_ref()
    }

    /// Sends the message again, early or because no reply has come.
    fn send(&self, ask: OpenAsk, early: bool) -> Result<(), TellError> {
        let next;
        let to = match &self.to {
            KeptDestination::Shard {
                region,
                name,
                shard,
            } => Destination::Shard {
                region: *region,
                name,
                shard: *shard,
            },
            KeptDestination::Actor { node, path, class } => Destination::Actor {
                node: node.clone(),
                path,
                class,
            },
            KeptDestination::Leader { path, class } => Destination::Leader { path, class },
            KeptDestination::Others { others, class } => {
                next = others.next(early).ok_or(TellError::NoMember)?;
                let (node, path) = &next;
                Destination::Actor {
                    node: node.clone(),
                    path,
                    class,
                }
            }
        };
        let message = Encoded {
            bytes: &self.message,
            kind: self.kind,
            trace: self.trace(),
        };
        self.core.send(&to, message, Some(ask))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.core.asks.bytes.release(self.message.len());
    }
}

/// An ask that was sent and may be sent again.
pub(crate) struct Retrying {
    ask: OpenAsk,
    kept: Kept,
    schedule: Schedule,
    /// The number of times the message was accepted.
    attempts: u32,
}

impl Retrying {
    /// Returns the ask whose message was just accepted for the first time.
    pub(crate) fn new(ask: OpenAsk, kept: Kept, schedule: Schedule) -> Self {
        kept.core.retries.deposit();
        Self {
            ask,
            kept,
            schedule,
            attempts: 1,
        }
    }

    /// Returns the id to which the reply is addressed.
    pub(crate) fn id(&self) -> AskId {
        self.ask.id
    }

    /// Returns how often the message was sent.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Polls for the outcome, and sends the message again when that is due.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        let core = Arc::clone(&self.kept.core);
        self.poll_by(|id| core.asks.poll(id, cx))
    }

    /// Polls for the outcome as [`poll`](Self::poll) does. `look` returns the outcome, or leaves the
    /// waiter of the ask.
    pub(crate) fn poll_by(&mut self, look: impl Fn(AskId) -> Poll<Outcome>) -> Poll<Outcome> {
        loop {
            let outcome = look(self.ask.id);
            if outcome.is_ready() {
                return outcome;
            }
            match self.kept.core.asks.retry_status(self.ask.id) {
                Some(status) => self.look_after(status),
                None => return Poll::Pending,
            }
        }
    }

    /// Sends the message again if it may be, else ends the ask if nothing can answer it any more.
    fn look_after(&mut self, status: RetryStatus) {
        let Self {
            ask: OpenAsk { id, .. },
            kept: Kept { core, .. },
            schedule,
            ..
        } = self;
        let hedge = status.reason == RetryReason::Due && schedule.take_hedge(core);
        if status.buffered {
            // Another would only wait behind it.
            return core.asks.arm(*id, schedule.due(core));
        }
        let again = schedule.left > 0;
        schedule.left = schedule.left.saturating_sub(1);
        if !again || !core.retries.allows() {
            core.asks.arm(*id, schedule.due(core));
            return core.asks.stop_retrying(*id);
        }
        if core.asks.repeat(*id, schedule.due(core)) {
            self.send_again(hedge);
        }
    }

    fn send_again(&mut self, hedge: bool) {
        let core = &self.kept.core;
        match self.kept.send(self.ask, hedge) {
            Ok(()) => {
                self.attempts += 1;
                let Retries {
                    retried, hedged, ..
                } = &core.retries;
                if hedge { hedged } else { retried }.add(1);
            }
            Err(error) => {
                core.asks.refused(self.ask.id);
                if !wait::is_full(&error) || self.schedule.left == 0 {
                    core.asks.stop_retrying(self.ask.id);
                }
            }
        }
    }
}
