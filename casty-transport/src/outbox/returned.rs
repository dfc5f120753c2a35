//! What comes back from an outbox: messages that never left, and those whose fate is not known.

use std::collections::VecDeque;

use bytes::Bytes;
use casty_proto::frame;

use super::{Accounted, Entry, Outbox, Phase, distance};

/// A message that never left, given back.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsent<T> {
    /// The payload of its frame: header and message.
    pub payload: Bytes,
    /// The tag it was pushed with.
    pub tag: T,
}

/// What became of an outbox's messages when its connection ended.
#[derive(Debug)]
pub struct Leftover<T> {
    /// Messages of which not a byte was handed to the kernel, oldest first.
    pub unsent: Vec<Unsent<T>>,
    /// Messages that may have been in flight, oldest first: handed to the kernel, the last perhaps
    /// in part, and not known to have reached the peer's. See [`drive`](crate::drive).
    pub unknown: Vec<T>,
}

impl<T: Accounted> Outbox<T> {
    /// Takes back the tagged messages that the driver has not taken yet, oldest first: nothing of
    /// them has left or will. What the driver has taken, which is at most as much as the outbox
    /// holds, stays on its way, as do messages without a tag. The connection goes on.
    ///
    /// Costs a copy of the untagged messages that wait.
    pub fn recall(&self) -> Vec<Unsent<T>> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let rest = Bytes::from(std::mem::take(&mut state.bytes));
        let taken = state.accepted - rest.len() as u64;
        let first = state.entries.partition_point(|entry| entry.end <= taken);
        let waiting = state.entries.split_off(first);
        state.accepted = taken;
        let mut unsent = Vec::new();
        for (tag, frame) in frames(waiting, taken, &rest) {
            if let Some(tag) = tag {
                state.messages_pending -= 1;
                state.account(&tag).unsent += 1;
                let payload = frame.slice(frame::FRAME_HEAD..);
                unsent.push(Unsent { payload, tag });
            } else {
                state.bytes.extend_from_slice(&frame);
                state.accepted += frame.len() as u64;
                let end = state.accepted;
                state.entries.push_back(Entry { end, tag });
            }
        }
        let wake = state.waiting_for_space > 0 && state.is_roomy(self.limits);
        drop(guard);
        if wake {
            self.space.notify_one();
        }
        unsent
    }

    /// Ends the outbox and gives back what did not leave. `flight` is what the driver had taken
    /// and not yet written.
    pub(crate) fn close(&self, flight: &[u8]) -> Leftover<T> {
        let mut state = self.state.lock();
        state.phase = Phase::Closed;
        let mut rest = std::mem::take(&mut state.bytes);
        rest.splice(0..0, flight.iter().copied());
        let mut rest = Bytes::from(rest);
        let mut entries = std::mem::take(&mut state.entries);
        let written = state.written;
        let whole = std::mem::take(&mut state.whole);
        let cut = usize::from(state.whole_to < written);
        let waiting = entries.split_off(entries.len().min(whole + cut));
        let start = match entries.back() {
            Some(last) if cut > 0 => last.end,
            _ => written,
        };
        let rest = rest.split_off(distance(written, start));
        let unsent = frames(waiting, start, &rest).filter_map(|(tag, frame)| {
            let payload = frame.slice(frame::FRAME_HEAD..);
            Some(Unsent { payload, tag: tag? })
        });
        let unsent: Vec<_> = unsent.collect();
        for Unsent { tag, .. } in &unsent {
            state.account(tag).unsent += 1;
        }
        for (place, entry) in entries.iter().enumerate() {
            if let Some(tag) = &entry.tag {
                let account = state.account(tag);
                account.unknown += 1;
                account.written -= u64::from(place < whole);
            }
        }
        drop(state);
        self.space.notify_waiters();
        let unknown = entries.into_iter().filter_map(|entry| entry.tag).collect();
        Leftover { unsent, unknown }
    }
}

/// The frames of `entries`, which lie one behind the other in `bytes`; the first starts at the
/// stream offset `start`.
fn frames<T>(
    entries: VecDeque<Entry<T>>,
    start: u64,
    bytes: &Bytes,
) -> impl Iterator<Item = (Option<T>, Bytes)> {
    let mut at = 0;
    entries.into_iter().map(move |Entry { end, tag }| {
        let end = distance(start, end);
        (tag, bytes.slice(std::mem::replace(&mut at, end)..end))
    })
}

#[cfg(test)]
mod tests {
    use super::super::OutboxLimits;
    use super::*;

    impl Accounted for u8 {}

    fn outbox(bytes: usize) -> Outbox<u8> {
        Outbox::new(OutboxLimits {
            bytes,
            ..OutboxLimits::default()
        })
    }

    fn take(outbox: &Outbox<u8>) -> Vec<u8> {
        let mut flight = Vec::new();
        let cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(outbox.poll_take(&cx, &mut flight).is_ready());
        flight
    }

    #[test]
    fn what_the_driver_has_not_taken_can_be_recalled_and_the_rest_goes_on() {
        let outbox = outbox(1_000);
        outbox.push(&[b"taken"], Some(1)).unwrap();
        let flight = take(&outbox);
        outbox.push(&[b"waits"], Some(2)).unwrap();
        outbox.push(&[b"control"], None).unwrap();
        outbox.push(&[b"waits too"], Some(3)).unwrap();
        let recalled = outbox.recall();
        let of = |unsent: &Unsent<u8>| (unsent.payload.to_vec(), unsent.tag);
        let expected = [(b"waits".to_vec(), 2), (b"waits too".to_vec(), 3)];
        assert_eq!(recalled.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!(outbox.recall(), [], "once");
        assert_eq!(outbox.pending_messages(), 1);
        outbox.wrote(flight.len());
        assert_eq!(&take(&outbox)[frame::FRAME_HEAD..], b"control");
        outbox.wrote(frame::FRAME_HEAD + 7);
        assert_eq!((outbox.pending_bytes(), outbox.pending_messages()), (0, 0));
        outbox.push(&[b"later"], Some(4)).unwrap();
        let flight = take(&outbox);
        let leftover = outbox.close(&flight);
        assert_eq!(
            leftover.unsent.iter().map(of).collect::<Vec<_>>(),
            [(b"later".to_vec(), 4)]
        );
        assert_eq!(leftover.unknown, [1]);
        let [account] = outbox.accounts()[..] else {
            panic!("one account");
        };
        let unsettled = account.accepted - account.written - account.unsent - account.unknown;
        assert_eq!((account.accepted, account.unsent, unsettled), (4, 3, 0));
    }

    #[test]
    fn recalling_makes_room_for_one_that_waits() {
        let outbox = outbox(100);
        outbox.push(&[&[0; 90]], Some(1)).unwrap();
        let mut waiter = Box::pin(outbox.space(80));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiter.as_mut().poll(&mut cx).is_pending());
        assert_eq!(outbox.recall().len(), 1);
        assert!(waiter.as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn nothing_comes_back_from_an_outbox_that_has_ended() {
        let outbox = outbox(100);
        outbox.push(&[b"one"], Some(1)).unwrap();
        assert_eq!(outbox.close(&[]).unsent.len(), 1);
        assert_eq!(outbox.recall(), []);
    }
}
