//! The asks of one task that are open at a time.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use casty_routing::RegionId;

use crate::ask::meter::Meter;
use crate::ask::retry::{Kept, Retrying, Schedule};
use crate::pending_asks::id::{OpenAsk, ReplyAddress};
use crate::pending_asks::opening::AskKind;
use crate::pending_asks::outcome::{Failure, Outcome};
use crate::pending_asks::taking::Taking;
use crate::pending_asks::waiter::Group;
use crate::runtime::clock::{Tick, precise_now};
use crate::send::Core;
use crate::send::batch::MESSAGES;

/// The open asks of one task, each in a place of its own; abandoned when it is dropped.
pub(super) struct Window {
    core: Arc<Core>,
    group: Arc<Group>,
    size: usize,
    /// As many as were ever open at once.
    places: Vec<Option<Place>>,
    free: Vec<u32>,
    /// The places that are to be looked at.
    due: Vec<u32>,
    /// Empty buffers, kept for the next ones.
    opened: Vec<u32>,
    addresses: Vec<ReplyAddress>,
}

/// One open ask.
struct Place {
    ask: OpenAsk,
    /// The secret of its address.
    secret: u64,
    /// The place of its item among all.
    index: usize,
    again: Option<Box<Again>>,
    /// The measure of its time.
    meter: Meter,
}

/// The part of an ask that may be sent again.
enum Again {
    /// Its message was not accepted yet.
    Kept(Option<(Kept, Schedule)>),
    Retrying(Retrying),
}

impl Window {
    /// Creates an empty window for so many asks, one at least.
    pub(super) fn new(core: Arc<Core>, size: usize) -> Self {
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        Self {
            core,
            group: Arc::default(),
            size: size.clamp(1, most),
            places: Vec::new(),
            free: Vec::new(),
            due: Vec::new(),
            opened: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// Returns the number of asks that are open.
    pub(super) fn open(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Returns whether one more may be opened.
    pub(super) fn is_free(&self) -> bool {
        self.open() < self.size
    }

    /// Opens up to `most` asks as far as the window and the limit of all asks allow, and returns their
    /// places.
    pub(super) fn open_more(
        &mut self,
        most: usize,
        deadline: Tick,
        schedule: Option<&Schedule>,
    ) -> Vec<u32> {
        let core = Arc::clone(&self.core);
        let mut opened = std::mem::take(&mut self.opened);
        let more = most.min(self.size - self.open());
        while opened.len() < more {
            let place = self.free.pop().unwrap_or_else(|| {
                self.places.push(None);
                u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
            });
            opened.push(place);
        }
        self.addresses.clear();
        let kind = match schedule {
            None => AskKind::Once,
            Some(schedule) => AskKind::Repeatable {
                due: schedule.due(&core),
            },
        };
        core.asks
            .open_places(deadline, &self.group, &opened, kind, &mut self.addresses);
        // Those beyond the limit stay free.
        self.free.extend(opened.drain(self.addresses.len()..));
        for (place, address) in opened.iter().zip(&self.addresses) {
            self.places[*place as usize] = Some(Place {
                ask: OpenAsk {
                    id: address.id,
                    deadline,
                    carrier: None,
                },
                secret: address.secret,
                index: 0,
                again: None,
                meter: Meter::default(),
            });
        }
        if !opened.is_empty() {
            core.clock.keep_awake();
        }
        opened
    }

    /// Takes the memory of opened places back.
    pub(super) fn give_back(&mut self, mut opened: Vec<u32>) {
        opened.clear();
        self.opened = opened;
    }

    /// Gives an opened place to the item of this index, for an entity of that region, and returns the address of its reply.
    pub(super) fn begin(
        &mut self,
        place: u32,
        (index, region): (usize, RegionId),
    ) -> Option<ReplyAddress> {
        let place = self.places[place as usize].as_mut()?;
        place.index = index;
        place.meter.of_region(region);
        place.meter.begin(&self.core);
        Some(ReplyAddress {
            id: place.ask.id,
            secret: place.secret,
        })
    }

    /// Returns the ask in a place.
    pub(super) fn ask(&self, place: u32) -> Option<OpenAsk> {
        let place = self.places[place as usize].as_ref()?;
        Some(place.ask)
    }

    /// Keeps a message that is to be sent again if need be.
    pub(super) fn keep(&mut self, place: u32, kept: Kept, schedule: Schedule) {
        if let Some(place) = &mut self.places[place as usize] {
            place.again = Some(Box::new(Again::Kept(Some((kept, schedule)))));
        }
    }

    /// Notes that the message of an ask was accepted.
    pub(super) fn accepted(&mut self, place: u32) {
        if let Some(Place {
            ask,
            again: Some(again),
            ..
        }) = &mut self.places[place as usize]
            && let Again::Kept(kept) = &mut **again
            && let Some((kept, schedule)) = kept.take()
        {
            **again = Again::Retrying(Retrying::new(*ask, kept, schedule));
        }
    }

    /// Closes an ask that was not accepted, and returns the index of its item, and the measure of its time.
    pub(super) fn close(&mut self, place: u32) -> (usize, Meter) {
        let closed = self.places[place as usize].take();
        self.free.push(place);
        closed.map_or((0, Meter::default()), |place| {
            self.core.asks.abandon(place.ask.id);
            (place.index, place.meter)
        })
    }

    /// Hands each outcome that there is to `take`, with the index of its item, its time, and how often its message
    /// was sent. If there is nothing to look at, has the task woken when there is, and returns `false`.
    pub(super) fn take_outcomes(
        &mut self,
        cx: &Context<'_>,
        mut take: impl FnMut((usize, Meter), Outcome, u32),
    ) -> bool {
        let mut due = std::mem::take(&mut self.due);
        let came = self.group.take_due(&mut due, cx);
        // Under a lock for no longer than some microseconds.
        for due in due.chunks(MESSAGES) {
            let mut taking = Taking::new(&self.core.asks);
            for number in due {
                // It may be a place that has been closed since, or another ask is in.
                let Some(place) = &mut self.places[*number as usize] else {
                    continue;
                };
                let outcome = if let Some(outcome) = taking.take(place.ask.id) {
                    Poll::Ready(outcome)
                } else {
                    taking.release();
                    place.look((&self.core, &self.group), *number)
                };
                if let Poll::Ready(outcome) = outcome {
                    place.meter.stop();
                    take((place.index, place.meter), outcome, place.attempts());
                    self.places[*number as usize] = None;
                    self.free.push(*number);
                }
            }
        }
        due.clear();
        self.due = due;
        came
    }

    /// Ends the asks whose time is over. Returns the time that the first of the others has left.
    pub(super) fn time_out(&mut self) -> Option<Duration> {
        let now = self.core.clock.now();
        let open = || self.places.iter().flatten().map(|place| place.ask);
        for ask in open().filter(|ask| ask.deadline <= now) {
            self.core.asks.fail(ask.id, Failure::Timeout);
        }
        let next = open()
            .map(|ask| ask.deadline)
            .filter(|it| *it > now)
            .min()?;
        let next = self.core.clock.instant(next);
        Some(next.saturating_duration_since(precise_now()))
    }
}

impl Place {
    /// Returns the outcome of the ask in this place, or has it note the place when there is one.
    #[cold]
    fn look(&mut self, (core, group): (&Core, &Arc<Group>), number: u32) -> Poll<Outcome> {
        let look = |id| core.asks.poll_place(id, group, number);
        match self.again.as_deref_mut() {
            Some(Again::Retrying(retrying)) => retrying.poll_by(look),
            _ => look(self.ask.id),
        }
    }

    /// Returns how often the message was sent.
    fn attempts(&self) -> u32 {
        match self.again.as_deref() {
            Some(Again::Retrying(retrying)) => retrying.attempts(),
            _ => 1,
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        for place in self.places.iter_mut().flatten() {
            place.meter.abandon(&self.core);
            self.core.asks.abandon(place.ask.id);
        }
    }
}
