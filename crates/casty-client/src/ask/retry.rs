//! Sending the message of an idempotent ask again, under the same id: the first reply wins, and
//! any other finds a slot that has moved on.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use casty_proto::NodeAddress;
use casty_routing::{RegionId, RetryBudget, RetryBudgetConfig, ShardId};
use parking_lot::Mutex;

use crate::ask::Slot;
use crate::error::{AskError, TellError};
use crate::pending::{Outcome, Standing, Why};
use crate::runtime::clock::{Tick, precise_now};
use crate::send::{Core, Destination, Encoded};
use crate::stats::Counter;

/// What one client may send again, and what it did.
pub(crate) struct Retries {
    budget: Mutex<RetryBudget>,
    pub(crate) retried: Counter,
    pub(crate) hedged: Counter,
    pub(crate) refused: Counter,
}

impl Retries {
    /// A full budget.
    pub(crate) fn new(config: RetryBudgetConfig) -> Self {
        Self {
            budget: Mutex::new(RetryBudget::new(config)),
            retried: Counter::default(),
            hedged: Counter::default(),
            refused: Counter::default(),
        }
    }

    fn allows(&self) -> bool {
        let allowed = self.budget.lock().take(precise_now());
        self.refused.add(usize::from(!allowed));
        allowed
    }
}

/// How an idempotent ask is to be carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How often its message is sent at most, once at least.
    pub(crate) attempts: u32,
    pub(crate) hedge_after: Option<Duration>,
}

/// When the message of one ask is to be sent again.
pub(crate) struct Schedule {
    deadline: Tick,
    /// Attempts that are left.
    left: u32,
    hedge: Option<Tick>,
}

impl Schedule {
    /// That of an ask about to be sent for the first time.
    pub(crate) fn new(core: &Core, policy: Policy, deadline: Tick) -> Self {
        let hedge = policy.hedge_after.map(|after| core.clock.deadline(after));
        Self {
            deadline,
            left: policy.attempts.saturating_sub(1),
            hedge,
        }
    }

    /// When the next copy is due: each attempt that is left has an equal share of the time that is
    /// left.
    pub(crate) fn due(&self, core: &Core) -> Option<Tick> {
        if self.left == 0 {
            return None;
        }
        let share = core.clock.now().part(self.deadline, self.left + 1);
        Some(self.hedge.map_or(share, |hedge| hedge.min(share)))
    }

    /// Whether it is a hedge that is due now.
    fn take_hedge(&mut self, core: &Core) -> bool {
        let now = core.clock.now();
        self.hedge.take_if(|at| *at <= now).is_some()
    }
}

/// A message and whom it is for, kept to be sent again. Its bytes are counted in the asks' room.
pub(crate) struct Kept {
    core: Arc<Core>,
    to: Whom,
    message: Box<[u8]>,
    kind: &'static str,
}

enum Whom {
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
}

impl Kept {
    /// Copies a message.
    pub(crate) fn new(
        core: &Arc<Core>,
        to: &Destination<'_>,
        Encoded { bytes, kind }: Encoded<'_>,
    ) -> Result<Self, AskError> {
        let (length, limit) = (bytes.len(), core.asks.room.limit());
        if !core.asks.room.reserve(length) {
            return Err(AskError::AskBytesFull { length, limit });
        }
        let to = match *to {
            Destination::Shard {
                region,
                name,
                shard,
            } => Whom::Shard {
                region,
                name: name.into(),
                shard,
            },
            Destination::Actor {
                ref node,
                path,
                class,
            } => Whom::Actor {
                node: node.clone(),
                path: path.into(),
                class: class.into(),
            },
        };
        Ok(Self {
            core: Arc::clone(core),
            to,
            message: bytes.into(),
            kind,
        })
    }

    fn send(&self, slot: Slot) -> Result<(), TellError> {
        let to = match &self.to {
            Whom::Shard {
                region,
                name,
                shard,
            } => Destination::Shard {
                region: *region,
                name,
                shard: *shard,
            },
            Whom::Actor { node, path, class } => Destination::Actor {
                node: node.clone(),
                path,
                class,
            },
        };
        let message = Encoded {
            bytes: &self.message,
            kind: self.kind,
        };
        self.core.send(&to, message, Some(slot))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.core.asks.room.release(self.message.len());
    }
}

/// An ask that was sent and may be sent again.
pub(crate) struct Retrying {
    slot: Slot,
    kept: Kept,
    schedule: Schedule,
    /// How often the message was accepted.
    attempts: u32,
}

impl Retrying {
    /// An ask whose message was just accepted for the first time.
    pub(crate) fn new(slot: Slot, kept: Kept, schedule: Schedule) -> Self {
        kept.core.retries.budget.lock().deposit();
        Self {
            slot,
            kept,
            schedule,
            attempts: 1,
        }
    }

    /// The slot in which the reply comes.
    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }

    /// How often the message was sent.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The outcome, or later a wake-up of the task; sends the message again when that is due.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        loop {
            let outcome = self.kept.core.asks.poll(self.slot.id, cx);
            if outcome.is_ready() {
                return outcome;
            }
            match self.kept.core.asks.nudge(self.slot.id) {
                Some(standing) => self.look_after(standing),
                None => return Poll::Pending,
            }
        }
    }

    /// Sends the message again if it may be, else ends the ask if nothing can answer it any more.
    fn look_after(&mut self, standing: Standing) {
        let Self {
            slot: Slot { id, .. },
            kept: Kept { core, .. },
            schedule,
            ..
        } = self;
        let hedge = standing.why == Why::Due && schedule.take_hedge(core);
        if standing.held {
            // Another would only wait behind it.
            return core.asks.arm(*id, schedule.due(core));
        }
        let again = schedule.left > 0;
        schedule.left = schedule.left.saturating_sub(1);
        if !again || !core.retries.allows() {
            core.asks.arm(*id, schedule.due(core));
            return core.asks.give_up(*id);
        }
        if core.asks.repeat(*id, schedule.due(core)) {
            self.send_again(hedge);
        }
    }

    fn send_again(&mut self, hedge: bool) {
        let core = &self.kept.core;
        match self.kept.send(self.slot) {
            Ok(()) => {
                self.attempts += 1;
                let Retries {
                    retried, hedged, ..
                } = &core.retries;
                if hedge { hedged } else { retried }.add(1);
            }
            Err(error) => {
                core.asks.refused(self.slot.id);
                let later = matches!(error, TellError::Busy { .. } | TellError::BufferFull);
                if !later || self.schedule.left == 0 {
                    core.asks.give_up(self.slot.id);
                }
            }
        }
    }
}
