//! One slot of the table of asks, and one stripe of slots.

use std::task::Waker;

use super::copies::Copies;
use super::id::{AskId, PeerId};
use super::outcome::{Failure, Outcome, Step};
use crate::runtime::clock::Tick;

#[derive(Default)]
pub(super) struct Stripe {
    pub(super) slots: Vec<Slot>,
    free: Vec<u32>,
}

pub(super) struct Slot {
    generation: u32,
    pub(super) deadline: Tick,
    /// The connection that carries the ask if it is sent once, as far as it is known.
    pub(super) carrier: Option<PeerId>,
    pub(super) state: SlotState,
}

pub(super) enum SlotState {
    Free,
    Waiting(Option<Waker>),
    /// It waits, and may be sent again.
    Repeatable(Box<Copies>),
    Done(Outcome),
}

impl Slot {
    /// A connection did not take, or gave back, an ask that is sent once.
    pub(super) fn requeued(&mut self, carrier: PeerId) {
        if self.carrier.take_if(|it| *it == carrier).is_some()
            && let SlotState::Done(Err(Failure::Lost { .. })) = self.state
        {
            // The connection was lost before the ask could be put on it. Nobody has looked since.
            self.state = SlotState::Waiting(None);
        }
    }

    /// Takes in an event; gives the waker of a task that is to be woken.
    pub(super) fn take(&mut self, step: Step) -> Option<Waker> {
        let waker = match step {
            Step::Wait => None,
            Step::Wake | Step::End(_) => self.state.take_waker(),
        };
        if let Step::End(failure) = step {
            self.state = SlotState::Done(Err(failure));
        }
        waker
    }
}

impl SlotState {
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Repeatable(_))
    }

    /// Where the waker of the task is kept that waits; `None` if it does not wait any more.
    pub(super) fn waker(&mut self) -> Option<&mut Option<Waker>> {
        match self {
            Self::Waiting(waker) => Some(waker),
            Self::Repeatable(copies) => Some(&mut copies.waker),
            Self::Free | Self::Done(_) => None,
        }
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker()?.take()
    }
}

impl Stripe {
    pub(super) fn open(&mut self, stripe: usize, deadline: Tick, state: SlotState) -> AskId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                deadline,
                carrier: None,
                state: SlotState::Free,
            });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        }) as usize;
        let slot = &mut self.slots[index];
        slot.deadline = deadline;
        slot.carrier = None;
        slot.state = state;
        AskId::new(stripe, index, slot.generation)
    }

    pub(super) fn find(&mut self, id: AskId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index()).filter(|slot| {
            slot.generation == id.generation && !matches!(slot.state, SlotState::Free)
        })
    }

    /// Frees a slot and gives what was in it, to be dropped when the lock is free.
    pub(super) fn close(&mut self, id: AskId) -> Option<SlotState> {
        let slot = self.find(id)?;
        slot.generation = slot.generation.wrapping_add(1);
        let state = std::mem::replace(&mut slot.state, SlotState::Free);
        self.free
            .push(u32::try_from(id.index()).unwrap_or(u32::MAX));
        Some(state)
    }
}
