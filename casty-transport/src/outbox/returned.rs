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
    /// Takes back the tagged messages of those that `which` names and the driver has not taken yet,
    /// oldest first: nothing of them has left or will. The like is refused from now on, until
    /// [`readmit`](Self::readmit). What the driver has taken, which is at most as much as the outbox
    /// holds, stays on its way, as do all other messages. The connection goes on.
    ///
    /// Costs a copy of the messages that stay.
    pub fn recall(&self, which: fn(&T) -> bool) -> Vec<Unsent<T>> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.recalled = Some(which);
        state.recalls += 1;
        let rest = Bytes::from(std::mem::take(&mut state.bytes));
        let taken = state.accepted - rest.len() as u64;
        let first = state.entries.partition_point(|entry| entry.end <= taken);
        let waiting = state.entries.split_off(first);
        state.accepted = taken;
        let mut unsent = Vec::new();
        for (mut tag, frame) in frames(waiting, taken, &rest) {
            if let Some(tag) = tag.take_if(|tag| which(tag)) {
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
        drop(guard);
        // They find another way, or room.
        self.space.notify_waiters();
        unsent
    }

    /// Takes everything again after a [`recall`](Self::recall); tells whether there was one.
    pub fn readmit(&self) -> bool {
        self.state.lock().recalled.take().is_some()
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
    use std::pin::pin;

    use super::super::{OutboxLimits, RejectReason};
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

    fn of(unsent: &[Unsent<u8>]) -> Vec<(&[u8], u8)> {
        let each = unsent
            .iter()
            .map(|unsent| (&unsent.payload[..], unsent.tag));
        each.collect()
    }

    #[test]
    fn what_the_driver_has_not_taken_can_be_recalled_and_the_rest_goes_on() {
        let outbox = outbox(1_000);
        outbox.push(&[b"taken"], Some(1)).unwrap();
        let flight = take(&outbox);
        outbox.push(&[b"waits"], Some(2)).unwrap();
        outbox.push(&[b"control"], None).unwrap();
        outbox.push(&[b"stays"], Some(100)).unwrap();
        outbox.push(&[b"waits too"], Some(3)).unwrap();
        let few: fn(&u8) -> bool = |tag| *tag < 100;
        let recalled = outbox.recall(few);
        assert_eq!(of(&recalled), [(&b"waits"[..], 2), (b"waits too", 3)]);
        assert_eq!(outbox.recall(few), [], "once");
        assert_eq!(outbox.pending_messages(), 2);
        outbox.wrote(flight.len());
        let flight = take(&outbox);
        assert_eq!(&flight[frame::FRAME_HEAD..][..7], b"control");
        assert!(flight.ends_with(b"stays"));
        outbox.wrote(flight.len());
        assert_eq!((outbox.pending_bytes(), outbox.pending_messages()), (0, 0));
        let leftover = outbox.close(&[]);
        assert_eq!(
            (of(&leftover.unsent), leftover.unknown),
            (vec![], vec![1, 100])
        );
        let [account] = outbox.accounts()[..] else {
            panic!("one account");
        };
        let unsettled = account.accepted - account.written - account.unsent - account.unknown;
        assert_eq!((account.accepted, account.unsent, unsettled), (4, 2, 0));
    }

    #[test]
    fn the_like_of_what_was_recalled_is_refused_until_it_is_readmitted() {
        let outbox = outbox(1_000);
        assert!(!outbox.readmit());
        assert_eq!(outbox.recall(|tag| *tag < 100), []);
        for (tag, refused) in [(Some(1), true), (Some(100), false), (None, false)] {
            let pushed = outbox.push(&[b"later"], tag);
            let closed = pushed.map_err(|rejected| rejected.reason);
            let expected = if refused {
                Err(RejectReason::Closed)
            } else {
                Ok(())
            };
            assert_eq!(closed, expected, "{tag:?}");
        }
        assert!(outbox.readmit());
        outbox.push(&[b"later"], Some(1)).unwrap();
    }

    #[test]
    fn those_who_wait_for_room_wait_no_longer_once_their_like_is_recalled() {
        let outbox = outbox(105);
        outbox.push(&[&[0; 90]], Some(1)).unwrap();
        let _flight = take(&outbox);
        let mut waiters = [80, 5].map(|length| Box::pin(outbox.space(length)));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        outbox.push(&[&[0; 1]], Some(1)).unwrap();
        assert!(
            waiters
                .iter_mut()
                .all(|it| it.as_mut().poll(&mut cx).is_pending())
        );
        assert_eq!(outbox.recall(|_| true).len(), 1);
        assert!(
            waiters
                .iter_mut()
                .all(|it| it.as_mut().poll(&mut cx).is_ready())
        );
        drop(waiters);
        // Whoever comes later, and is not refused, waits as before.
        assert!(pin!(outbox.space(105)).poll(&mut cx).is_pending());
    }

    #[test]
    fn nothing_comes_back_from_an_outbox_that_has_ended() {
        let outbox = outbox(100);
        outbox.push(&[b"one"], Some(1)).unwrap();
        assert_eq!(outbox.close(&[]).unsent.len(), 1);
        assert_eq!(outbox.recall(|_| true), []);
    }
}
