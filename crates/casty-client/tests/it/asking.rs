//! The moment at which an ask is sent, and what wakes who waits for its reply.

use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use casty_client::{
    ActorRef, AskChoice, AskTarget, ClusterClient, PickError, PickedError, ServiceKey,
};
use casty_proto::message::ShardEnvelope;
use casty_transport::MemoryNetwork;

use crate::node::{Link, actor, connected, in_paused_time, others_run};

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

/// The message is the reference to reply to.
type Asked = ActorRef<i32>;

/// Asks anything that can be asked, each time in another way, and answers as the actor at `path`.
async fn ask_through<T: AskTarget<Asked>>(
    (client, link): (&ClusterClient, &mut Link),
    target: &T,
    path: &str,
) -> Vec<i32>
where
    <T::Choice as AskChoice>::Error: std::fmt::Debug,
{
    let ask = || client.ask(target, |reply_to: ActorRef<i32>| reply_to);
    let within = std::time::Duration::from_secs(1);
    let replies = [
        ask().send(),
        ask().within(within).send(),
        ask().within(within).idempotent().send(),
    ];
    let mut numbers = Vec::new();
    for (number, reply) in (1..).zip(replies) {
        let asked = link.next_to(path).await.unwrap();
        let to = match asked.try_decode::<ShardEnvelope<Asked>>() {
            Ok(envelope) => envelope.message,
            Err(_) => asked.decode::<Asked>(),
        };
        link.send(&to, &number).await;
        numbers.push(reply.await.unwrap());
    }
    numbers
}

#[test]
fn whatever_can_be_asked_is_asked_through_one_front_door() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let (client, node, mut link) = connected(&network).await;
        let entity = client.region("r", 1).unwrap().entity("e");
        let plain: ActorRef<Asked> = actor(&node, "/plain");
        let bound = client.bind(plain.clone());
        let single = client.singleton::<Asked>("single").unwrap();
        let mut all = Vec::new();
        all.push(ask_through((&client, &mut link), &entity, "/_region-r").await);
        all.push(ask_through((&client, &mut link), &plain, "/plain").await);
        all.push(ask_through((&client, &mut link), &bound, "/plain").await);
        all.push(ask_through((&client, &mut link), &single, "/_singleton-single").await);
        assert_eq!(all, [[1, 2, 3]; 4]);

        let region = entity.region();
        let asked = client.ask(region, |it: Asked| ShardEnvelope::new("e", it));
        let reply = asked.send();
        let asked = link.next_to("/_region-r").await.unwrap();
        let to = asked.decode::<ShardEnvelope<Asked>>().message;
        link.send(&to, &4).await;
        assert_eq!(reply.await.unwrap(), 4);

        // A picker has an error of its own.
        let picker = client.picker(&ServiceKey::<Asked>::new("nobody"));
        let none = client.ask(&picker, |it: Asked| it).await;
        assert!(
            matches!(
                none,
                Err(PickedError::NotPicked(PickError::NoInstance { .. }))
            ),
            "{none:?}"
        );
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
