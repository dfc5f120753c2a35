//! The moment at which an ask is sent, and what wakes who waits for its reply.

use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use casty_client::ActorRef;
use casty_proto::message::ShardEnvelope;
use casty_transport::MemoryNetwork;

use crate::node::{connected, in_paused_time, others_run};

/// A task that counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_ask_is_sent_when_it_is_first_polled_and_wakes_whoever_polled_it_last() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (client, _node, mut link) = connected(&network).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = || entity.ask::<_, i32>(|reply_to: ActorRef<i32>| reply_to);
        let tasks = [(); 2].map(|()| Arc::new(Woken::default()));

        drop(ask().into_future());
        for last in 0..2 {
            let mut asking = pin!(ask().into_future());
            assert_eq!(client.stats().pending_asks, 0);
            for task in &tasks[..=last] {
                let waker = Waker::from(Arc::clone(task));
                let polled = asking.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
            assert_eq!(client.stats().pending_asks, 1);
            let asked = link.next_to("/_region-r").await.unwrap();
            let asked = asked.decode::<ShardEnvelope<ActorRef<i32>>>();
            link.send(&asked.message, &7).await;
            others_run().await;
            let woken = tasks
                .each_ref()
                .map(|task| task.0.swap(0, Ordering::Relaxed));
            assert_eq!(woken, [usize::from(last == 0), usize::from(last == 1)]);
            let polled = asking
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Ok(7))), "{polled:?}");
        }
    });
}

#[test]
fn an_ask_that_is_sent_needs_no_poll_and_one_that_is_dropped_frees_its_slot() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (client, _node, mut link) = connected(&network).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = || entity.ask::<_, i32>(|reply_to: ActorRef<i32>| reply_to);
        let sent = [ask().send(), ask().idempotent().send()];
        let mut asking = Box::pin(ask().into_future());
        let polled = asking
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        assert_eq!(client.stats().pending_asks, 3);
        drop(asking);
        for number in [1, 2, 3] {
            let asked = link.next_to("/_region-r").await.unwrap();
            let asked = asked.decode::<ShardEnvelope<ActorRef<i32>>>();
            link.send(&asked.message, &number).await;
        }
        for (reply, expected) in sent.into_iter().zip([1, 2]) {
            assert_eq!(reply.await.unwrap(), expected);
        }
        let stats = client.stats();
        assert_eq!((stats.pending_asks, stats.late_replies), (0, 1));
    });
}
