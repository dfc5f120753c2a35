use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use super::*;

impl OutboxTag for u32 {
    fn group(&self) -> usize {
        *self as usize
    }
}

fn small() -> Outbox<u32> {
    Outbox::new(OutboxLimits::new().bytes(40).messages(3).max_frame(100))
}

fn take(outbox: &Outbox<u32>) -> Vec<u8> {
    let cx = Context::from_waker(Waker::noop());
    assert_eq!(outbox.poll_take(&cx), Poll::Ready(true));
    outbox.flight.lock().rest().to_vec()
}

/// Writes, and returns how many messages are in flight.
fn wrote(outbox: &Outbox<u32>, count: usize) -> usize {
    match outbox.poll_write(|_| Poll::Ready(Ok(count))) {
        Poll::Ready(Ok(Some(Written { bytes, in_flight }))) if bytes == count => in_flight,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_waits_is_counted_with_its_framing() {
    let outbox = small();
    assert_eq!((outbox.pending_bytes(), outbox.is_in_flight()), (0, false));
    outbox.push(&[b"12345"], Some(1)).unwrap();
    assert_eq!((outbox.pending_bytes(), outbox.is_in_flight()), (10, true));
    let bytes = take(&outbox);
    assert_eq!(outbox.pending_bytes(), 10, "it is not written yet");
    assert_eq!(wrote(&outbox, bytes.len()), 1);
    assert_eq!((outbox.pending_bytes(), outbox.is_in_flight()), (0, true));
    outbox.acknowledge(10);
    assert!(!outbox.is_in_flight());
}

#[test]
fn a_frame_is_accepted_up_to_the_limits_themselves() {
    let outbox = small();
    // With the type byte as long as any may be, and alone.
    outbox.push(&[&[0; 99]], Some(1)).unwrap();
    assert!(outbox.push(&[&[0; 100]], Some(2)).is_err());
    let outbox = small();
    outbox.push(&[&[0; 5]], Some(1)).unwrap();
    outbox.push(&[&[0; 25]], Some(2)).unwrap();
    assert_eq!(outbox.pending_bytes(), 40, "as much as may wait");
}

#[test]
fn the_memory_of_a_long_frame_is_given_back_and_that_of_others_is_kept() {
    let outbox = small();
    let capacity = || outbox.state.lock().bytes.capacity();
    for (length, kept) in [(99, false), (55, true), (1, true)] {
        outbox.push(&[&vec![0; length]], None).unwrap();
        let bytes = take(&outbox);
        wrote(&outbox, bytes.len());
        // The two buffers take turns.
        outbox.push(&[b"1"], None).unwrap();
        let bytes = take(&outbox);
        wrote(&outbox, bytes.len());
        assert_eq!(capacity() > 0, kept, "{length}");
        assert!(capacity() <= 80);
    }
}

#[test]
fn an_outbox_gives_its_memory_back_once_it_was_idle_between_two_looks() {
    let outbox = small();
    let memory = || {
        let flight = outbox.flight.lock().bytes.capacity();
        let state = outbox.state.lock();
        [flight, state.bytes.capacity(), state.entries.capacity()]
    };
    let write = |length: usize| {
        outbox.push(&[&vec![0; length]], Some(1)).unwrap();
        let bytes = take(&outbox).len();
        wrote(&outbox, bytes);
        outbox.acknowledge(u64::MAX);
    };
    for length in [5, 5] {
        write(length);
    }
    assert!(memory().iter().all(|bytes| *bytes > 0));
    outbox.give_back_if_idle();
    write(5);
    outbox.give_back_if_idle();
    // Busy between the looks, or with a message that waits.
    assert!(memory().iter().all(|bytes| *bytes > 0));
    outbox.push(&[b"1"], Some(1)).unwrap();
    outbox.give_back_if_idle();
    outbox.give_back_if_idle();
    assert!(memory()[1] > 0);
    let bytes = take(&outbox).len();
    outbox.give_back_if_idle();
    assert!(memory()[0] > 0, "it is not written yet");
    wrote(&outbox, bytes);
    outbox.acknowledge(u64::MAX);
    outbox.give_back_if_idle();
    assert_eq!(memory(), [0; 3]);
    write(5);
}

#[test]
fn one_message_of_each_64_kib_fills_a_batch() {
    let outbox = Outbox::<u32>::new(OutboxLimits::new());
    // With its framing, 16 of them make up a batch.
    let fills = |_: &u32| {
        let pushed = outbox.push(&[&[0; 4096 - 5]], Some(1));
        pushed.unwrap().fills_batch
    };
    let filled: Vec<_> = (1..=48).filter(fills).collect();
    assert_eq!(filled, [16, 32, 48]);
    let bytes = take(&outbox).len();
    wrote(&outbox, bytes);
    let filled: Vec<_> = (1..=20).filter(fills).collect();
    assert_eq!(filled, [16], "what is written does not wait");
}

#[test]
fn of_a_closed_outbox_nothing_is_taken() {
    let outbox = small();
    outbox.push(&[b"1"], Some(1)).unwrap();
    outbox.abort();
    let cx = Context::from_waker(Waker::noop());
    assert_eq!(outbox.poll_take(&cx), Poll::Ready(false));
}

#[test]
fn full_is_an_answer_and_gives_the_tag_back() {
    let outbox = small();
    outbox.push(&[&[0; 30]], Some(1)).unwrap();
    let full = RejectReason::Full {
        length: 11,
        limit: OutboxLimit::Bytes(40),
    };
    assert_eq!(
        outbox.push(&[&[0; 10]], Some(2)),
        Err(Rejected {
            tag: Some(2),
            reason: full
        })
    );
    assert_eq!(outbox.pending_messages(), 1);
}

#[test]
fn as_many_messages_wait_as_may_however_short_they_are() {
    let outbox = small();
    for tag in 0..3 {
        outbox.push(&[b"a"], Some(tag)).unwrap();
    }
    let full = RejectReason::Full {
        length: 2,
        limit: OutboxLimit::Messages(3),
    };
    assert_eq!(outbox.push(&[b"a"], Some(3)).unwrap_err().reason, full);
    outbox.push(&[b"a"], None).unwrap();
    let flight = take(&outbox);
    wrote(&outbox, 6);
    outbox.push(&[b"a"], Some(3)).unwrap();
    wrote(&outbox, flight.len() - 6);
    assert_eq!(outbox.pending_messages(), 1);
}

#[test]
fn a_full_outbox_has_capacity_for_a_message_without_a_tag_still() {
    let outbox = small();
    outbox.push(&[&[0; 30]], Some(1)).unwrap();
    assert!(outbox.push(&[&[0; 10]], Some(2)).is_err());
    outbox.push(&[&[0; 10]], None).unwrap();
    let long = vec![0; 90];
    let most = 64 * 1024 / (long.len() + 5);
    let pushed = (0..2 * most).take_while(|_| outbox.push(&[&long], None).is_ok());
    assert!(
        (most - 1..=most).contains(&pushed.count()),
        "but not for ever"
    );
}

#[test]
fn a_frame_over_the_limit_of_bytes_passes_alone() {
    let outbox = small();
    outbox.push(&[&[0; 80]], Some(1)).unwrap();
    assert_eq!(take(&outbox).len(), 85);
    let long = RejectReason::TooLong {
        length: 101,
        limit: 100,
    };
    assert_eq!(outbox.push(&[&[0; 100]], Some(2)).unwrap_err().reason, long);
}

#[test]
fn what_never_left_comes_back_whole_and_what_was_cut_is_named() {
    for written in 0..=21 {
        let outbox = small();
        outbox.push(&[b"a", b"b"], Some(1)).unwrap();
        outbox.push(&[b"cd"], Some(2)).unwrap();
        let flight = take(&outbox);
        outbox.push(&[b"ef"], Some(3)).unwrap();
        let written = written.min(flight.len());
        wrote(&outbox, written);
        let left = outbox.close();
        let unsent: Vec<_> = left
            .unsent
            .iter()
            .map(|u| (u.tag, &u.payload[..]))
            .collect();
        let all: [(u32, &[u8]); 3] = [(1, b"ab"), (2, b"cd"), (3, b"ef")];
        let (whole, part) = (written / 7, written % 7);
        assert_eq!(unsent, all[whole + usize::from(part > 0)..], "{written}");
        let unknown = &[1, 2, 3][..whole + usize::from(part > 0)];
        assert_eq!(left.unknown, unknown, "{written}");
        assert_eq!(outbox.messages_written(), 0);
        assert_eq!(
            outbox.push(&[b"x"], Some(9)).unwrap_err().reason,
            RejectReason::Closed
        );
    }
}

#[test]
fn what_is_acknowledged_is_not_unknown_and_counters_add_up() {
    for acknowledged in 0..=21 {
        let outbox = small();
        for tag in [1, 2, 3] {
            outbox.push(&[b"ab"], Some(tag)).unwrap();
        }
        take(&outbox);
        assert_eq!(wrote(&outbox, 10), 1, "one is whole, one is cut");
        let left = outbox.acknowledge(acknowledged.min(10));
        let known = usize::from(acknowledged >= 7);
        assert_eq!(left, 1 - known);
        let left = outbox.close();
        assert_eq!(left.unknown, [1, 2][known..], "{acknowledged}");
        let counters = outbox.counters();
        let known = known as u64;
        let sum = |count: fn(&OutboxCounters) -> u64| counters.iter().map(count).sum::<u64>();
        assert_eq!(sum(|counters| counters.accepted), 3);
        assert_eq!(sum(|counters| counters.written), known);
        assert_eq!(sum(|counters| counters.unknown), 2 - known);
        assert_eq!(sum(|counters| counters.unsent), 1);
        assert_eq!(counters[3].unsent, 1, "each in its own");
    }
}

#[test]
fn draining_accepts_nothing_and_still_hands_out_what_is_there() {
    let outbox = small();
    outbox.push(&[b"ab"], Some(1)).unwrap();
    outbox.drain();
    assert_eq!(
        outbox.push(&[b"cd"], Some(2)).unwrap_err().reason,
        RejectReason::Closed
    );
    let flight = take(&outbox);
    wrote(&outbox, flight.len());
    let cx = Context::from_waker(Waker::noop());
    assert_eq!(outbox.poll_take(&cx), Poll::Ready(false));
}

#[tokio::test]
async fn waiters_for_capacity_are_woken_by_writing_and_by_closing() {
    let outbox = small();
    outbox.push(&[&[0; 30]], Some(1)).unwrap();
    let flight = take(&outbox);
    let wait = async |length| drop(outbox.capacity(length).await);
    tokio::join!(wait(10), wait(20), async {
        wrote(&outbox, flight.len());
    });
    outbox.push(&[&[0; 30]], Some(2)).unwrap();
    tokio::join!(wait(10), wait(20), async { outbox.abort() });
    assert_eq!(outbox.state.lock().waiting, 0);
}

#[tokio::test]
async fn a_dropped_waiter_takes_nobodys_wake_up_with_it() {
    let outbox = small();
    outbox.push(&[&[0; 30]], Some(1)).unwrap();
    let flight = take(&outbox);
    let mut dropped = Box::pin(outbox.capacity(10));
    assert!(futures_pending(dropped.as_mut()));
    let mut kept = Box::pin(outbox.capacity(10));
    assert!(futures_pending(kept.as_mut()));
    drop(dropped);
    wrote(&outbox, flight.len());
    let _turn = kept.await;
}

#[tokio::test]
async fn a_permit_that_is_not_used_wakes_the_next() {
    let outbox = small();
    outbox.push(&[&[0; 30]], Some(1)).unwrap();
    let flight = take(&outbox);
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(outbox.capacity(10))).collect();
    for waiter in &mut waiting {
        assert!(futures_pending(waiter.as_mut()));
    }
    // Nothing more is written, so no write will wake anybody.
    wrote(&outbox, flight.len());
    let mut waiting = waiting.into_iter();
    drop(waiting.next().unwrap());
    drop(waiting.next().unwrap().await);
    let _turn = waiting.next().unwrap().await;
}

#[test]
fn of_a_hundred_that_wait_two_are_woken_at_a_time_and_find_capacity() {
    let outbox = Outbox::new(OutboxLimits::new().bytes(300));
    let fill = |outbox: &Outbox<u32>| while outbox.push(&[&[0; 25]], Some(0)).is_ok() {};
    fill(&outbox);
    let woken: Vec<_> = (0..100).map(|_| Arc::new(Woken::default())).collect();
    let mut waiting: Vec<_> = woken
        .iter()
        .map(|woken| {
            let mut waiter = Box::pin(outbox.capacity(26));
            let waker = Waker::from(Arc::clone(woken));
            let mut cx = Context::from_waker(&waker);
            assert!(waiter.as_mut().poll(&mut cx).is_pending());
            Some(waiter)
        })
        .collect();
    let wakes = || {
        woken
            .iter()
            .map(|woken| woken.0.load(Relaxed))
            .sum::<usize>()
    };
    let mut pushed = 0;
    while pushed < 100 {
        let flight = take(&outbox);
        for part in flight.chunks(7) {
            wrote(&outbox, part.len());
        }
        // A woken one pushes, and only then the next one is woken.
        while let Some(at) =
            (0..100).find(|at| waiting[*at].is_some() && woken[*at].0.swap(0, Relaxed) > 0)
        {
            let mut waiter = waiting[at].take().unwrap();
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(permit) = waiter.as_mut().poll(&mut cx) else {
                panic!("woken for nothing");
            };
            outbox.push(&[&[0; 25]], Some(0)).unwrap();
            pushed += 1;
            drop(permit);
            assert!(wakes() <= 2, "a herd");
        }
    }
    assert_eq!(outbox.state.lock().waiting, 0);
}

#[test]
fn capacity_for_a_small_one_is_not_lost_to_a_large_one_that_waits_before_it() {
    let outbox = Outbox::new(OutboxLimits::new().bytes(100));
    outbox.push(&[&[0; 85]], Some(0_u32)).unwrap();
    let _flight = take(&outbox);
    let [mut large, mut small] = [80, 5].map(|length| Box::pin(outbox.capacity(length)));
    assert!(futures_pending(large.as_mut()));
    outbox.push(&[&[0; 1]], Some(0)).unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    assert!(small.as_mut().poll(&mut cx).is_pending());
    wrote(&outbox, 60);
    assert_eq!(woken.0.load(Relaxed), 0, "the large one is woken first");
    assert!(
        futures_pending(large.as_mut()),
        "which wants more than there is"
    );
    assert_eq!(woken.0.load(Relaxed), 1);
    assert!(small.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn of_those_that_want_more_than_there_is_each_is_woken_once() {
    let outbox = Outbox::new(OutboxLimits::new().bytes(100));
    outbox.push(&[&[0; 85]], Some(0_u32)).unwrap();
    let _flight = take(&outbox);
    let woken: [_; 3] = std::array::from_fn(|_| Arc::new(Woken::default()));
    let mut waiting = woken.each_ref().map(|woken| {
        let mut waiter = Box::pin(outbox.capacity(80));
        let waker = Waker::from(Arc::clone(woken));
        assert!(is_pending(waiter.as_mut(), &waker));
        (waiter, waker)
    });
    // Half of it is free, and too little for any.
    wrote(&outbox, 50);
    let mut wakes = 0;
    while let Some(at) = (0..3).find(|at| woken[*at].0.swap(0, Relaxed) > 0) {
        let (waiter, waker) = &mut waiting[at];
        assert!(is_pending(waiter.as_mut(), waker));
        wakes += 1;
        assert!(wakes <= 3, "in a circle");
    }
    assert_eq!(wakes, 3);
    // One that comes now wakes nobody.
    assert!(futures_pending(Box::pin(outbox.capacity(80)).as_mut()));
    assert!(woken.iter().all(|woken| woken.0.load(Relaxed) == 0));
}

#[test]
fn half_of_the_messages_is_enough_to_wake_who_waits() {
    let outbox = Outbox::new(OutboxLimits::new().messages(4));
    for tag in 0..4_u32 {
        outbox.push(&[b"a"], Some(tag)).unwrap();
    }
    let flight = take(&outbox);
    let woken = Arc::new(Woken::default());
    let mut waiter = Box::pin(outbox.capacity(2));
    assert!(is_pending(waiter.as_mut(), &Waker::from(woken.clone())));
    for wakes in [0, 1] {
        wrote(&outbox, flight.len() / 4);
        assert_eq!(woken.0.load(Relaxed), wakes);
    }
}

#[test]
fn where_no_message_may_wait_one_passes_at_a_time() {
    let outbox = Outbox::new(OutboxLimits::new().messages(0));
    outbox.push(&[b"a"], Some(0_u32)).unwrap();
    assert!(outbox.push(&[b"a"], Some(0)).is_err());
}

#[test]
fn the_task_that_drives_now_is_woken_and_not_the_one_before() {
    let outbox = small();
    let [before, now] = [(); 2].map(|()| Arc::new(Woken::default()));
    for woken in [&before, &now] {
        let waker = Waker::from(Arc::clone(woken));
        let cx = Context::from_waker(&waker);
        assert_eq!(outbox.poll_take(&cx), Poll::Pending);
    }
    outbox.push(&[b"1"], None).unwrap();
    assert_eq!([before, now].map(|woken| woken.0.load(Relaxed)), [0, 1]);
}

#[test]
fn the_memory_of_what_is_written_is_given_back_where_it_is_much() {
    let limits = OutboxLimits::new();
    let outbox = Outbox::<u32>::new(limits);
    for (length, kept) in [(3 * 1024 * 1024, false), (600 * 1024, true)] {
        outbox.push(&[&vec![0; length]], None).unwrap();
        let flight = take(&outbox);
        wrote(&outbox, flight.len());
        let capacity = outbox.flight.lock().bytes.capacity();
        assert_eq!(capacity > 0, kept, "{length}");
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn futures_pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    is_pending(future, Waker::noop())
}

fn is_pending<F: Future>(future: std::pin::Pin<&mut F>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(waker)).is_pending()
}

#[test]
fn of_many_messages_those_before_the_first_that_is_refused_are_accepted_in_order() {
    let messages = || [(&b"1"[..], 1), (b"22", 2), (b"333", 3), (b"4", 4)];
    let outbox = small();
    // Three may wait.
    let all = outbox.push_all(b"->", messages());
    assert_eq!((all.count, all.fills_batch), (3, false));
    let rejected = all.rejected.unwrap();
    assert_eq!(rejected.tag, Some(4));
    assert!(matches!(rejected.reason, RejectReason::Full { .. }));
    let singly = small();
    for message in ["1", "22", "333"] {
        let parts = [&b"->"[..], message.as_bytes()];
        singly
            .push(&parts, u32::try_from(message.len()).ok())
            .unwrap();
    }
    assert_eq!(take(&outbox), take(&singly));
    assert_eq!(outbox.counters(), singly.counters());

    let outbox = Outbox::<u32>::new(OutboxLimits::new());
    assert!(outbox.revoke(|tag| *tag == 2).is_empty());
    let all = outbox.push_all(b"->", messages());
    assert_eq!(all.count, 1);
    assert_eq!(all.rejected.unwrap().reason, RejectReason::Closed);
    let long = vec![0; WORTH_WRITING];
    let all = outbox.push_all(b"", [(&b"-"[..], 1), (&long, 1), (b"-", 1)]);
    assert_eq!((all.count, all.fills_batch, all.rejected), (3, true, None));
    assert_eq!(outbox.push_all(b"", []).count, 0);
}

#[test]
fn many_messages_wake_the_driver_once() {
    let outbox = Outbox::<u32>::new(OutboxLimits::new());
    let task = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&task));
    let cx = Context::from_waker(&waker);
    assert!(outbox.poll_take(&cx).is_pending());
    assert_eq!(outbox.push_all(b"", []).count, 0);
    assert_eq!(task.0.load(Relaxed), 0, "nothing came");
    outbox.push_all(b"", [(&b"-"[..], 1), (b"-", 2)]);
    assert_eq!(task.0.load(Relaxed), 1);
}

#[test]
fn bytes_are_of_whole_tagged_frames_and_unknown_are_those_that_are_not_acknowledged() {
    let outbox = small();
    let bytes = |outbox: &Outbox<u32>| {
        let bytes = outbox.message_bytes();
        (bytes.written, bytes.unknown)
    };
    outbox.push(&[b"12345"], Some(1)).unwrap();
    outbox.push(&[b"control"], None).unwrap();
    outbox.push(&[b"1"], Some(0)).unwrap();
    take(&outbox);
    // The last is written in part.
    wrote(&outbox, 23);
    assert_eq!(bytes(&outbox), (10, 0));
    wrote(&outbox, 5);
    assert_eq!(bytes(&outbox), (16, 0));
    outbox.acknowledge(22);
    outbox.push(&[b"12"], Some(1)).unwrap();
    outbox.push(&[b"123"], Some(1)).unwrap();
    take(&outbox);
    wrote(&outbox, 1);
    outbox.close();
    // One that the kernel took whole and one that it took in part; the last did not leave.
    assert_eq!(bytes(&outbox), (10, 6 + 7));
}
