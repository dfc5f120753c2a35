//! One slot of the table of asks, and one stripe of slots.

use super::copies::Copies;
use super::id::{AskId, NOBODY, PeerId, ReplyAddress};
use super::outcome::{Failure, Outcome, Step};
use super::secrets::{Secret, StripeSecrets};
use super::waiter::Waiter;
use crate::runtime::clock::Tick;

/// A part of the table of asks, under a lock of its own.
pub(super) struct Stripe {
    pub(super) slots: Vec<Slot>,
    free: Vec<u32>,
    /// The number of slots that may be taken, a part of the limit of all.
    allowed: usize,
    secrets: StripeSecrets,
}

/// The place of one ask.
pub(super) struct Slot {
    /// The number of the ask among all of the stripe.
    generation: u32,
    /// The connection that carries an ask that is sent once; [`NOBODY`] while it has none.
    pub(super) carrier: PeerId,
    pub(super) deadline: Tick,
    /// The secret of the ask, kept so that it is drawn once.
    pub(super) secret: u64,
    pub(super) state: SlotState,
}

/// An ask that is about to take a slot.
pub(super) struct NewAsk {
    pub(super) deadline: Tick,
    pub(super) carrier: Option<PeerId>,
    pub(super) state: SlotState,
}

/// The state of a slot, and of the ask in it.
pub(super) enum SlotState {
    Free,
    /// The ask waits, and is sent once.
    Waiting(Option<Waiter>),
    /// The ask waits, and may be sent again.
    Repeatable(Box<Copies>),
    /// The ask has ended, and its outcome was not taken yet.
    Done(Outcome),
}

impl Slot {
    /// Notes that a connection is about to carry the ask, or one more copy of it.
    #[inline]
    pub(super) fn carried_by(&mut self, carrier: PeerId) {
        match &mut self.state {
            SlotState::Repeatable(copies) => copies.carried_by(carrier),
            _ => self.carrier = carrier,
        }
    }

    /// Returns the connection that carries the last copy of an ask that may be sent again.
    pub(super) fn latest_copy(&self) -> Option<PeerId> {
        match &self.state {
            SlotState::Repeatable(copies) => copies.latest_carrier(),
            _ => None,
        }
    }

    /// Notes that a connection did not accept, or gave back, the ask, or a copy of it.
    pub(super) fn requeued(&mut self, carrier: PeerId) {
        if let SlotState::Repeatable(copies) = &mut self.state {
            return copies.requeued(carrier);
        }
        if self.carrier != carrier {
            return;
        }
        self.carrier = NOBODY;
        if let SlotState::Done(Err(Failure::Lost { .. })) = self.state {
            // The connection was lost before the ask could be put on it, and the outcome was not
            // taken since. The task that was woken for it looks at it, and waits again.
            self.state = SlotState::Waiting(None);
        }
    }

    /// Notes that a connection will not carry an ask that is sent once, which it never had: so it has
    /// not ended with that, and its time is over only for who knows that it was not sent.
    pub(super) fn not_carried(&mut self, expected: PeerId) {
        if self.carrier != expected {
            return;
        }
        self.carrier = NOBODY;
        if let SlotState::Done(Err(Failure::Lost { .. } | Failure::Timeout)) = self.state {
            // The task that was woken for it looks at it, and waits again.
            self.state = SlotState::Waiting(None);
        }
    }

    /// Takes a step, and returns the waiter if that is to be woken.
    pub(super) fn take(&mut self, step: Step) -> Option<Waiter> {
        let waiter = match step {
            Step::Wait => None,
            // Taken before the state is replaced, which would drop it with the stripe locked.
            Step::Wake | Step::End(_) => self.state.waiter().and_then(Option::take),
        };
        if let Step::End(failure) = step {
            self.state = SlotState::Done(Err(failure));
        }
        waiter
    }
}

impl SlotState {
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Repeatable(_))
    }

    /// Returns the place of the waiter; `None` if the ask has ended.
    pub(super) fn waiter(&mut self) -> Option<&mut Option<Waiter>> {
        match self {
            Self::Waiting(waiter) => Some(waiter),
            Self::Repeatable(copies) => Some(&mut copies.waiter),
            Self::Free | Self::Done(_) => None,
        }
    }
}

impl Stripe {
    /// Creates a stripe without slots, whose asks get these secrets.
    pub(super) fn new(secrets: StripeSecrets) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            allowed: 0,
            secrets,
        }
    }

    /// Returns the number of slots that are taken.
    pub(super) fn taken(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Returns whether no more slots may be taken.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.taken() >= self.allowed
    }

    /// Adds to the number of slots that may be taken.
    pub(super) fn allow(&mut self, more: usize) {
        self.allowed += more;
    }

    /// Gives up the part of that number that is not used, and returns it.
    pub(super) fn give_up_unused(&mut self) -> usize {
        let unused = self.allowed - self.taken();
        self.allowed -= unused;
        unused
    }

    /// Takes a slot, whether it may be taken or not. This is the stripe of that number.
    #[inline]
    pub(super) fn open(&mut self, number: usize, ask: NewAsk) -> ReplyAddress {
        let index = match self.free.pop() {
            Some(index) => index as usize,
            None => self.add(),
        };
        let slot = &mut self.slots[index];
        let Secret {
            number: generation,
            bits: secret,
        } = self.secrets.draw();
        slot.generation = generation;
        slot.carrier = ask.carrier.unwrap_or(NOBODY);
        slot.deadline = ask.deadline;
        slot.secret = secret;
        let free = std::mem::replace(&mut slot.state, ask.state);
        debug_assert!(matches!(free, SlotState::Free), "a slot is taken once");
        // So that no code to drop the other states is run.
        std::mem::forget(free);
        let id = AskId::new(number, index, generation);
        ReplyAddress { id, secret }
    }

    /// Returns the address that an ask was told, whether it has ended or not; `None` if there was none of
    /// that id.
    #[cold]
    pub(super) fn address(&mut self, id: AskId) -> Option<ReplyAddress> {
        let open = self.find(id).map(|slot| slot.secret);
        let secret = open.or_else(|| self.secrets.drawn(id.generation))?;
        Some(ReplyAddress { id, secret })
    }

    /// Adds a slot, and returns its index.
    #[cold]
    fn add(&mut self) -> usize {
        self.slots.push(Slot {
            generation: 0,
            carrier: NOBODY,
            deadline: Tick::default(),
            secret: 0,
            state: SlotState::Free,
        });
        self.slots.len() - 1
    }

    #[inline]
    pub(super) fn find(&mut self, id: AskId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index()).filter(|slot| {
            slot.generation == id.generation && !matches!(slot.state, SlotState::Free)
        })
    }

    /// Frees the slot of an ask that has ended, and returns its outcome; `None` if it has not.
    #[inline]
    pub(super) fn take_outcome(&mut self, id: AskId) -> Option<Outcome> {
        let slot = self.find(id)?;
        let SlotState::Done(outcome) = &mut slot.state else {
            return None;
        };
        let outcome = std::mem::replace(outcome, Err(Failure::Closed));
        // There is nothing to drop in what is left, and no code that looks is run.
        std::mem::forget(std::mem::replace(&mut slot.state, SlotState::Free));
        self.free.push(id.slot_index());
        Some(outcome)
    }

    /// Frees a slot and returns its state, to be dropped once the stripe is released.
    pub(super) fn close(&mut self, id: AskId) -> Option<SlotState> {
        let slot = self.find(id)?;
        let state = std::mem::replace(&mut slot.state, SlotState::Free);
        self.free.push(id.slot_index());
        Some(state)
    }
}
