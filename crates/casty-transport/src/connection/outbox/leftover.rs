//! The messages that come back from an outbox: those that never left, and those whose fate is not
//! known.

use std::collections::VecDeque;

use bytes::Bytes;
use casty_proto::frame;

use super::Outbox;
use super::state::{Entry, Flight, OutboxTag, Phase, State, distance};

/// A message that never left, given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentMessage<T> {
    /// The payload of its frame: header and message.
    pub payload: Bytes,
    /// The tag that it was pushed with.
    pub tag: T,
}

/// The messages that an outbox still had when its connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover<T> {
    /// Messages of which not a byte was handed to the kernel, oldest first.
    pub unsent: Vec<UnsentMessage<T>>,
    /// The tags of messages that may have been in flight, oldest first: handed to the kernel, the
    /// last perhaps in part, and not known to have reached the peer's. See [`drive`](crate::drive).
    pub unknown: Vec<T>,
}

impl<T: OutboxTag> Outbox<T> {
    /// Takes back the tagged messages that match and of which no byte is written, oldest first:
    /// nothing of them has left or will. Messages that match are refused from now on, until
    /// [`resume`](Self::resume). One that is written in part stays on its way, as do all other
    /// messages. The connection goes on.
    ///
    /// Costs a copy of what waits, and waits for a write that is going on.
    #[must_use = "the messages that come back are not sent any more"]
    pub fn revoke(&self, matches: fn(&T) -> bool) -> Vec<UnsentMessage<T>> {
        // Both are held, flight first as everywhere, so that the driver can neither take nor write
        // a frame while it is decided which of them it still has.
        let mut flight = self.flight.lock();
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.revoked = Some(matches);
        state.revocations += 1;
        let unbegun = state.take_unbegun(&mut flight);
        state.accepted = unbegun.start;
        let mut unsent = Vec::new();
        for (mut tag, frame) in unbegun.into_frames() {
            if let Some(tag) = tag.take_if(|tag| matches(tag)) {
                state.messages_pending -= 1;
                state.counters_of(&tag).unsent += 1;
                let payload = frame.slice(frame::FRAME_HEAD..);
                unsent.push(UnsentMessage { payload, tag });
            } else {
                state.bytes.extend_from_slice(&frame);
                state.accepted += frame.len() as u64;
                let end = state.accepted;
                state.entries.push_back(Entry { end, tag });
            }
        }
        drop(guard);
        drop(flight);
        // All who wait: their messages may be refused now and find another route, and for the
        // others there may be capacity.
        self.capacity.notify_waiters();
        unsent
    }

    /// Accepts everything again after a [`revoke`](Self::revoke). Returns whether there was one.
    pub fn resume(&self) -> bool {
        self.state.lock().revoked.take().is_some()
    }

    /// Ends the outbox and gives back what did not leave.
    pub(crate) fn close(&self) -> Leftover<T> {
        // The driver is done, so nobody writes: the flight need not stay locked.
        let mut flight = std::mem::take(&mut *self.flight.lock());
        let mut state = self.state.lock();
        state.phase = Phase::Closed;
        let unbegun = state.take_unbegun(&mut flight);
        let entries = std::mem::take(&mut state.entries);
        let whole = std::mem::take(&mut state.whole);
        let unsent = unbegun.into_frames().filter_map(|(tag, frame)| {
            let payload = frame.slice(frame::FRAME_HEAD..);
            Some(UnsentMessage { payload, tag: tag? })
        });
        let unsent: Vec<_> = unsent.collect();
        for UnsentMessage { tag, .. } in &unsent {
            state.counters_of(tag).unsent += 1;
        }
        let mut begin = state.forgotten_to;
        for (place, entry) in entries.iter().enumerate() {
            let length = entry.end - std::mem::replace(&mut begin, entry.end);
            if let Some(tag) = &entry.tag {
                let is_whole = u64::from(place < whole);
                state.unknown_bytes += length;
                state.excepted_bytes += length * is_whole;
                let counters = state.counters_of(tag);
                counters.unknown += 1;
                counters.written -= is_whole;
            }
        }
        drop(state);
        // All who wait, for there will be no capacity any more: they push and are told so.
        self.capacity.notify_waiters();
        let unknown = entries.into_iter().filter_map(|entry| entry.tag).collect();
        Leftover { unsent, unknown }
    }
}

/// The messages of which no byte is written.
struct Unbegun<T> {
    entries: VecDeque<Entry<T>>,
    /// The stream offset at which the first of them begins.
    start: u64,
    /// Their frames, one behind the other.
    bytes: Bytes,
}

impl<T> State<T> {
    /// Takes out the messages of which no byte is written.
    fn take_unbegun(&mut self, flight: &mut Flight) -> Unbegun<T> {
        let cut = self.entries.get(self.whole);
        let cut = cut.filter(|_| self.whole_to < self.written);
        let (begun, start) = match cut {
            Some(entry) => (self.whole + 1, entry.end),
            None => (self.whole, self.written),
        };
        let at = flight.at + distance(self.written, start);
        let mut rest = flight.bytes.split_off(at.min(flight.bytes.len()));
        rest.append(&mut self.bytes);
        Unbegun {
            entries: self.entries.split_off(begun),
            start,
            bytes: rest.into(),
        }
    }
}

impl<T> Unbegun<T> {
    /// Cuts the bytes into the frames of the messages.
    fn into_frames(self) -> impl Iterator<Item = (Option<T>, Bytes)> {
        let Self {
            entries,
            start,
            bytes,
        } = self;
        let mut at = 0;
        entries.into_iter().map(move |Entry { end, tag }| {
            let end = distance(start, end);
            (tag, bytes.slice(std::mem::replace(&mut at, end)..end))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use super::super::limits::{OutboxLimits, RejectReason};
    use super::*;

    impl OutboxTag for u8 {}

    fn outbox(bytes: usize) -> Outbox<u8> {
        Outbox::new(OutboxLimits::new().bytes(bytes))
    }

    fn take(outbox: &Outbox<u8>) -> Vec<u8> {
        let cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(outbox.poll_take(&cx).is_ready());
        outbox.flight.lock().rest().to_vec()
    }

    fn wrote(outbox: &Outbox<u8>, count: usize) {
        let written = outbox.poll_write(|_| Poll::Ready(Ok(count)));
        assert!(matches!(written, Poll::Ready(Ok(Some(written))) if written.bytes == count));
    }

    fn of(unsent: &[UnsentMessage<u8>]) -> Vec<(&[u8], u8)> {
        let each = unsent
            .iter()
            .map(|unsent| (&unsent.payload[..], unsent.tag));
        each.collect()
    }

    #[test]
    fn what_is_not_begun_can_be_revoked_and_the_rest_goes_on() {
        let outbox = outbox(1_000);
        for (tag, payload) in [(1, b"whole"), (2, b"begun"), (3, b"taken")] {
            outbox.push(&[payload], Some(tag)).unwrap();
        }
        let frame = take(&outbox).len() / 3;
        wrote(&outbox, frame + 1);
        outbox.push(&[b"waits"], Some(4)).unwrap();
        outbox.push(&[b"control"], None).unwrap();
        outbox.push(&[b"stays"], Some(100)).unwrap();
        outbox.push(&[b"waits too"], Some(5)).unwrap();
        let few: fn(&u8) -> bool = |tag| *tag < 100;
        let revoked = outbox.revoke(few);
        let expected = [(&b"taken"[..], 3), (b"waits", 4), (b"waits too", 5)];
        assert_eq!(of(&revoked), expected);
        assert_eq!(outbox.revoke(few), [], "once");
        assert_eq!(outbox.pending_messages(), 2);
        // What is left of the frame that was begun, and then the others.
        assert_eq!(outbox.flight.lock().rest(), &b"\0\0\x06\x01begun"[..]);
        wrote(&outbox, frame - 1);
        let flight = take(&outbox);
        assert_eq!(&flight[frame::FRAME_HEAD..][..7], b"control");
        assert!(flight.ends_with(b"stays"));
        wrote(&outbox, flight.len());
        assert_eq!((outbox.pending_bytes(), outbox.pending_messages()), (0, 0));
        assert!(outbox.resume());
        outbox.push(&[b"later"], Some(6)).unwrap();
        take(&outbox);
        let leftover = outbox.close();
        assert_eq!(of(&leftover.unsent), [(&b"later"[..], 6)]);
        assert_eq!(leftover.unknown, [1, 2, 100]);
        let [counters] = outbox.counters()[..] else {
            panic!("one group");
        };
        let waiting = counters.accepted - counters.written - counters.unsent - counters.unknown;
        assert_eq!((counters.accepted, counters.unsent, waiting), (7, 4, 0));
    }

    #[test]
    fn nothing_is_written_of_what_was_revoked_while_the_driver_was_about_to() {
        let outbox = outbox(100);
        outbox.push(&[b"one"], Some(1)).unwrap();
        take(&outbox);
        assert_eq!(outbox.revoke(|_| true).len(), 1);
        let written = outbox.poll_write(|_| unreachable!("there is nothing"));
        assert!(matches!(written, Poll::Ready(Ok(None))));
        assert!(outbox.is_written());
    }

    #[test]
    fn messages_that_match_a_revocation_are_refused_until_it_is_resumed() {
        let outbox = outbox(1_000);
        assert!(!outbox.resume());
        assert_eq!(outbox.revoke(|tag| *tag < 100), []);
        for (tag, refused) in [(Some(1), true), (Some(100), false), (None, false)] {
            let pushed = outbox.push(&[b"later"], tag);
            let closed = pushed.map(drop).map_err(|rejected| rejected.reason);
            let expected = if refused {
                Err(RejectReason::Closed)
            } else {
                Ok(())
            };
            assert_eq!(closed, expected, "{tag:?}");
        }
        assert!(outbox.resume());
        outbox.push(&[b"later"], Some(1)).unwrap();
    }

    #[test]
    fn those_who_wait_for_capacity_wait_no_longer_after_a_revocation() {
        let outbox = outbox(105);
        outbox.push(&[&[0; 90]], Some(1)).unwrap();
        let _flight = take(&outbox);
        let mut waiters = [80, 5].map(|length| Box::pin(outbox.capacity(length)));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        outbox.push(&[&[0; 1]], Some(1)).unwrap();
        assert!(
            waiters
                .iter_mut()
                .all(|it| it.as_mut().poll(&mut cx).is_pending())
        );
        assert_eq!(outbox.revoke(|_| true).len(), 2);
        assert!(
            waiters
                .iter_mut()
                .all(|it| it.as_mut().poll(&mut cx).is_ready())
        );
        drop(waiters);
        // Those that come later, and are not refused, wait as before.
        outbox.push(&[&[0; 90]], None).unwrap();
        assert!(pin!(outbox.capacity(105)).poll(&mut cx).is_pending());
    }

    #[test]
    fn who_waits_for_capacity_is_let_through_by_a_revocation_that_makes_none() {
        let outbox = outbox(105);
        outbox.push(&[&[0; 90]], Some(100)).unwrap();
        let mut waiter = pin!(outbox.capacity(80));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiter.as_mut().poll(&mut cx).is_pending());
        assert_eq!(outbox.revoke(|tag| *tag < 100), []);
        assert!(waiter.as_mut().poll(&mut cx).is_ready(), "its route ended");
    }

    #[test]
    fn nothing_comes_back_from_an_outbox_that_has_ended() {
        let outbox = outbox(100);
        outbox.push(&[b"one"], Some(1)).unwrap();
        assert_eq!(outbox.close().unsent.len(), 1);
        assert_eq!(outbox.revoke(|_| true), []);
    }
}
