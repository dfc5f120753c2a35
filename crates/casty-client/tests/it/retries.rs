//! Idempotent asks: the number of their copies, the times of sending, and the bytes that are kept.

use std::time::Duration;

use casty_client::{
    ActorRef, AskError, ClientBuilder, ClusterClient, EntityRef, Fate, IdempotentAsk, NotSent,
    RetryBudgetConfig, SendAsk, ShardEnvelope, Stats,
};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use crate::node::{Link, Node, actor, builder, in_paused_time, view};

const SECOND: Duration = Duration::from_secs(1);
/// The tolerance of deadlines: two ticks of the client's clock, and one of the runtime's.
const SLACK: Duration = Duration::from_millis(35);

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Get")]
pub(crate) struct Get {
    pub(crate) reply_to: ActorRef<String>,
    pub(crate) ballast: String,
}

fn get(entity: &EntityRef) -> IdempotentAsk<'_, String, impl SendAsk<String>> {
    get_long(entity, 0)
}

fn get_long(entity: &EntityRef, length: usize) -> IdempotentAsk<'_, String, impl SendAsk<String>> {
    let ask = entity.ask(move |reply_to| Get {
        reply_to,
        ballast: "-".repeat(length),
    });
    ask.idempotent()
}

/// Reads the next ask of the entity at a node.
pub(crate) async fn asked(link: &mut Link) -> ActorRef<String> {
    let received = link.next_to("/_region-r").await.unwrap();
    received.decode::<ShardEnvelope<Get>>().message.reply_to
}

/// Counts the asks that a node reads within a time.
async fn count(link: &mut Link, within: Duration) -> usize {
    let mut count = 0;
    let counting = async {
        loop {
            asked(link).await;
            count += 1;
        }
    };
    timeout(within, counting).await.unwrap_err();
    count
}

/// Returns a client of a cluster of one node, which has sent its view.
async fn connected(
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Node, Link, ClusterClient, EntityRef) {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = configure(builder(&network, "n:1")).connect().await.unwrap();
    let link = node.accept_and_tell().await;
    client.ready(SECOND).await.unwrap();
    let entity = client.entity_ref("r", 1).unwrap().entity("e");
    (node, link, client, entity)
}

fn assert_nothing_is_kept(stats: &Stats) {
    assert_eq!((stats.pending_asks, stats.ask_bytes), (0, 0), "{stats:?}");
    assert!(stats.is_conserved(), "{stats:?}");
}

#[test]
fn a_lost_connection_ends_an_ask_unless_it_is_idempotent() {
    in_paused_time(|| async {
        let (mut node, mut link, client, entity) = connected(|it| it).await;
        let again = tokio::spawn(get(&entity).send());
        let first = asked(&mut link).await;
        let ask = entity.ask::<_, String>(|reply_to| Get {
            reply_to,
            ballast: String::new(),
        });
        let once = tokio::spawn(ask.send());
        asked(&mut link).await;
        drop(link);
        let error = once.await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::Lost { attempts: 1, .. }),
            "{error}"
        );
        let mut link = node.accept_and_tell().await;
        let second = asked(&mut link).await;
        // At the address under which the node knows the client then.
        let ids = [&first, &second].map(|it| it.parts().unwrap().path.to_owned());
        assert_eq!(ids[0], ids[1], "the same message, under the same id");
        link.send(&second, &"a".to_owned()).await;
        assert_eq!(again.await.unwrap().unwrap(), "a");
        let stats = client.stats();
        assert_eq!((stats.accepted, stats.unknown, stats.retries), (3, 2, 1));
        assert_nothing_is_kept(&stats);
    });
}

#[test]
fn an_ask_of_an_actor_is_sent_again_too() {
    in_paused_time(|| async {
        let (mut node, mut link, client, _) = connected(|it| it).await;
        let to = actor::<Get>(&node, "/a");
        let ask = client.ask(&to, |reply_to| Get {
            reply_to,
            ballast: String::new(),
        });
        let again = tokio::spawn(ask.idempotent().send());
        link.next_to("/a").await.unwrap();
        drop(link);
        let mut link = node.accept_and_tell().await;
        let second: Get = link.next_to("/a").await.unwrap().decode();
        link.send(&second.reply_to, &"a".to_owned()).await;
        assert_eq!(again.await.unwrap().unwrap(), "a");
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn a_hung_node_is_asked_once_in_each_share_of_the_time() {
    in_paused_time(|| async {
        let (_node, mut link, client, entity) = connected(|it| it).await;
        let begun = Instant::now();
        let ask = tokio::spawn(get(&entity).within(6 * SECOND).send());
        for share in 0..3 {
            asked(&mut link).await;
            let (due, at) = (2 * share * SECOND, begun.elapsed());
            assert!(at >= due && at <= due + SLACK, "{share}: {at:?}");
        }
        let error = ask.await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::Timeout { after, attempts: 3 } if after == 6 * SECOND),
            "{error}"
        );
        assert_eq!(error.fate(), Fate::Unknown);
        assert!(begun.elapsed() <= 6 * SECOND + SLACK);
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn the_second_attempt_goes_where_the_route_leads_then() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut old = Node::listen(&network, "n:1").await;
        let mut new = Node::listen(&network, "n:2").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let mut at_old = old.accept().await;
        let subscribe: casty_proto::message::SubscribeTopology =
            at_old.next().await.unwrap().decode();
        let [one, two] = [&old, &new].map(|node| node.address.clone());
        let owned_by = |owner| view(&[&one, &two], Some(owner));
        at_old.send(&subscribe.reply_to, &owned_by(&one)).await;
        let mut at_new = new.accept().await;
        client.ready(SECOND).await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = tokio::spawn(get(&entity).send());
        let slow = asked(&mut at_old).await;
        let mut moved = owned_by(&two);
        moved.allocation_epoch += 1;
        at_old.send(&subscribe.reply_to, &moved).await;
        let fast = asked(&mut at_new).await;
        at_new.send(&fast, &"new".to_owned()).await;
        assert_eq!(ask.await.unwrap().unwrap(), "new");
        at_old.send(&slow, &"old".to_owned()).await;
        tokio::time::sleep(SECOND).await;
        assert_eq!(client.stats().late_replies, 1);
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn a_hedge_is_answered_before_a_slow_first_copy_and_that_is_late() {
    in_paused_time(|| async {
        let (_node, mut link, client, entity) = connected(|it| it).await;
        let begun = Instant::now();
        let after = Duration::from_millis(100);
        let ask = tokio::spawn(get(&entity).hedge_after(after).send());
        let first = asked(&mut link).await;
        let hedge = asked(&mut link).await;
        let at = begun.elapsed();
        assert!(at >= after && at <= after + SLACK, "{at:?}");
        link.send(&hedge, &"hedge".to_owned()).await;
        assert_eq!(ask.await.unwrap().unwrap(), "hedge");
        link.send(&first, &"first".to_owned()).await;
        tokio::time::sleep(SECOND).await;
        let stats = client.stats();
        assert_eq!((stats.hedges, stats.retries, stats.late_replies), (1, 0, 1));
        assert_nothing_is_kept(&stats);
    });
}

#[test]
fn a_hedge_counts_as_an_attempt_and_a_quick_reply_needs_none() {
    in_paused_time(|| async {
        let (_node, mut link, client, entity) = connected(|it| it).await;
        let hedged = || get(&entity).hedge_after(SECOND / 10).within(3 * SECOND);
        let slow = tokio::spawn(hedged().attempts(2).send());
        assert_eq!(count(&mut link, 4 * SECOND).await, 2);
        let error = slow.await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::Timeout { attempts: 2, .. }),
            "{error}"
        );
        let single = tokio::spawn(hedged().attempts(1).send());
        assert_eq!(count(&mut link, 4 * SECOND).await, 1);
        assert!(single.await.unwrap().is_err());
        let quick = tokio::spawn(hedged().send());
        let only = asked(&mut link).await;
        link.send(&only, &"a".to_owned()).await;
        assert_eq!(quick.await.unwrap().unwrap(), "a");
        assert_eq!(count(&mut link, 4 * SECOND).await, 0);
        assert_eq!(client.stats().hedges, 1);
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn an_empty_budget_stops_the_storm_on_a_cluster_that_does_not_answer() {
    in_paused_time(|| async {
        let scarce = |it: ClientBuilder| {
            it.retry_budget(
                RetryBudgetConfig::default()
                    .percent(0)
                    .per_second(0)
                    .burst(5),
            )
            .ask_attempts(10)
        };
        let (mut node, mut link, client, entity) = connected(scarce).await;
        let ask = || tokio::spawn(get(&entity).within(10 * SECOND).send());
        let asks: Vec<_> = (0..100).map(|_| ask()).collect();
        assert_eq!(count(&mut link, 11 * SECOND).await, 105);
        for ask in asks {
            let error = ask.await.unwrap().unwrap_err();
            assert!(matches!(error, AskError::Timeout { .. }), "{error}");
        }
        let stats = client.stats();
        assert_eq!((stats.accepted, stats.retries), (105, 5));
        assert!(stats.retries_refused >= 100, "{stats:?}");

        // What is lost then ends at once.
        let begun = Instant::now();
        let lost = ask();
        asked(&mut link).await;
        drop(link);
        let error = lost.await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::Lost { attempts: 1, .. }),
            "{error}"
        );
        assert!(begun.elapsed() < SECOND);
        let mut link = node.accept_and_tell().await;
        assert_eq!(count(&mut link, 10 * SECOND).await, 0);
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn asks_fill_the_budget_again() {
    in_paused_time(|| async {
        let earned = |it: ClientBuilder| {
            it.retry_budget(
                RetryBudgetConfig::default()
                    .percent(50)
                    .per_second(0)
                    .burst(1),
            )
            .ask_attempts(2)
        };
        let (_node, mut link, client, entity) = connected(earned).await;
        // The second pays half a token, the third the other half.
        for expected in [2, 1, 2] {
            let ask = tokio::spawn(get(&entity).within(2 * SECOND).send());
            assert_eq!(count(&mut link, 3 * SECOND).await, expected);
            assert!(ask.await.unwrap().is_err());
        }
        assert_eq!(client.stats().retries_refused, 1);
    });
}

#[test]
fn what_waits_for_its_route_is_not_sent_twice_and_was_not_sent_in_the_end() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = get(&entity).hedge_after(SECOND / 10);
        let error = ask.await.unwrap_err();
        assert!(
            matches!(error, AskError::NotSent(NotSent::Expired(_))),
            "{error}"
        );
        let stats = client.stats();
        assert_eq!((stats.accepted, stats.not_sent), (1, 1));
        assert_eq!(
            (stats.retries, stats.hedges, stats.retries_refused),
            (0, 0, 0)
        );
        assert_nothing_is_kept(&stats);
    });
}

#[test]
fn what_was_in_flight_once_is_never_called_not_sent() {
    in_paused_time(|| async {
        let (node, mut link, client, entity) = connected(|it| it).await;
        let ask = tokio::spawn(get(&entity).send());
        asked(&mut link).await;
        drop((node, link));
        // The second copy is buffered until the deadline.
        let error = ask.await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::Timeout { attempts: 2, .. }),
            "{error}"
        );
        assert_eq!(error.fate(), Fate::Unknown);
        tokio::time::sleep(SECOND).await;
        let stats = client.stats();
        assert_eq!((stats.accepted, stats.unknown, stats.not_sent), (2, 1, 1));
        assert_nothing_is_kept(&stats);
    });
}

#[test]
fn every_attempt_that_is_lost_is_followed_by_another_until_none_is_left() {
    in_paused_time(|| async {
        let (mut node, mut link, client, entity) = connected(|it| it).await;
        let ask = tokio::spawn(get(&entity).within(60 * SECOND).send());
        for _ in 0..3 {
            asked(&mut link).await;
            drop(link);
            link = node.accept_and_tell().await;
        }
        let error = ask.await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::Lost { attempts: 3, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("in 3 attempts"), "{error}");
        // As long as a connection stays whose node answers nothing.
        assert_eq!(count(&mut link, 10 * SECOND).await, 0);
        assert_eq!(error.fate(), Fate::Unknown);
        let stats = client.stats();
        assert_eq!(
            (stats.written, stats.unknown),
            (2, 1),
            "two were acknowledged"
        );
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn a_copy_that_finds_the_outbox_full_does_the_ask_no_harm() {
    in_paused_time(|| async {
        let (_node, mut link, client, entity) = connected(|it| it.outbox_bytes(4096)).await;
        let ask = tokio::spawn(get_long(&entity, 2000).within(6 * SECOND).send());
        let first = asked(&mut link).await;
        // The node reads no more.
        let ballast = || entity.tell("-".repeat(1000));
        loop {
            while ballast().is_ok() {}
            tokio::time::sleep(SECOND / 10).await;
            if ballast().is_err() {
                break;
            }
        }
        tokio::time::sleep(3 * SECOND).await;
        link.send(&first, &"a".to_owned()).await;
        assert_eq!(ask.await.unwrap().unwrap(), "a");
        assert_eq!(client.stats().retries, 0);
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn a_client_that_closes_sends_nothing_again() {
    in_paused_time(|| async {
        let (_node, mut link, client, entity) = connected(|it| it).await;
        let ask = tokio::spawn(get(&entity).within(60 * SECOND).send());
        asked(&mut link).await;
        let closing = client.clone();
        let closed = tokio::spawn(async move { closing.close(30 * SECOND).await });
        tokio::task::yield_now().await;
        drop(link);
        let error = ask.await.unwrap().unwrap_err();
        assert!(
            matches!(error, AskError::Lost { attempts: 1, .. }),
            "{error}"
        );
        assert_nothing_is_kept(&closed.await.unwrap().stats);
    });
}

#[test]
fn an_actor_of_this_client_is_asked_once() {
    in_paused_time(|| async {
        let (_node, _link, client, _) = connected(|it| it).await;
        let (told, mut messages) = tokio::sync::mpsc::unbounded_channel();
        let silent = move |message: ActorRef<i32>, _| {
            told.send(message).unwrap();
            std::future::ready(())
        };
        let silent = client.spawn(silent, "silent").unwrap();
        let ask = silent.ask::<i32>(|reply_to| reply_to).idempotent();
        let error = ask.hedge_after(SECOND).await.unwrap_err();
        assert!(
            matches!(error, AskError::Timeout { attempts: 1, .. }),
            "{error}"
        );
        assert!(messages.try_recv().is_ok() && messages.try_recv().is_err());
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn messages_are_kept_up_to_a_limit_and_no_further() {
    in_paused_time(|| async {
        let (_node, mut link, client, entity) = connected(|it| it.ask_bytes(4096)).await;
        let first = get_long(&entity, 3000).send();
        let error = get_long(&entity, 3000).await.unwrap_err();
        assert!(
            matches!(error, AskError::AskBytesFull { limit: 4096, .. }),
            "{error}"
        );
        assert_eq!(error.fate(), Fate::NotSent);
        let stats = client.stats();
        assert_eq!((stats.accepted, stats.pending_asks), (1, 1));
        assert!((3000..4096).contains(&stats.ask_bytes), "{stats:?}");
        drop(first);
        let second = tokio::spawn(get_long(&entity, 3000).send());
        asked(&mut link).await;
        let reply_to = asked(&mut link).await;
        link.send(&reply_to, &"a".to_owned()).await;
        assert!(second.await.unwrap().is_ok());
        assert_nothing_is_kept(&client.stats());
    });
}

#[test]
fn long_replies_that_nobody_takes_are_kept_up_to_a_limit_and_short_ones_are_not_counted() {
    in_paused_time(|| async {
        let (_node, mut link, client, entity) = connected(|it| it.ask_bytes(16 * 1024)).await;
        let ask = || {
            let ask = entity.ask::<_, String>(|reply_to| Get {
                reply_to,
                ballast: String::new(),
            });
            ask.send()
        };
        let (first, second, third, fourth) = (ask(), ask(), ask(), ask());
        let long = "-".repeat(10 * 1024);
        for reply in [&long, &long, &"short".to_owned()] {
            let reply_to = asked(&mut link).await;
            link.send(&reply_to, reply).await;
        }
        assert_eq!(third.await.unwrap(), "short", "and so the others are there");
        assert!((10_240..10_300).contains(&client.stats().ask_bytes));
        let error = second.await.unwrap_err();
        assert!(
            matches!(error, AskError::ReplyDropped { limit: 16_384, .. }),
            "{error}"
        );
        assert_eq!(error.fate(), Fate::Written);
        assert_eq!(first.await.unwrap(), long);
        let reply_to = asked(&mut link).await;
        link.send(&reply_to, &long).await;
        assert_eq!(fourth.await.unwrap(), long);
        assert_nothing_is_kept(&client.stats());
    });
}

/// Drops an idempotent ask at one of seven stages.
async fn dropped_at(stage: usize) {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = builder(&network, "n:1").connect().await.unwrap();
    let entity = client.entity_ref("r", 1).unwrap().entity("e");
    let mut ask = Box::pin(get_long(&entity, 5000).hedge_after(SECOND / 10).send());
    let mut polled = async |within| timeout(within, &mut ask).await.is_err();
    let reach = async {
        if stage == 0 {
            return;
        }
        assert!(polled(SECOND).await, "buffered");
        if stage == 1 {
            return;
        }
        let mut link = node.accept_and_tell().await;
        asked(&mut link).await;
        if stage == 2 {
            return;
        }
        assert!(polled(SECOND).await, "sent twice");
        asked(&mut link).await;
        if stage == 3 {
            return;
        }
        drop(link);
        let mut link = node.accept_and_tell().await;
        if stage == 4 {
            return;
        }
        assert!(polled(SECOND).await, "sent a third time");
        let reply_to = asked(&mut link).await;
        if stage == 5 {
            return;
        }
        link.send(&reply_to, &"-".repeat(8000)).await;
        tokio::time::sleep(SECOND).await;
        assert!(client.stats().ask_bytes > 13_000, "message and reply");
    };
    reach.await;
    assert_eq!(client.stats().pending_asks, 1, "{stage}");
    drop(ask);
    assert_eq!(client.stats().pending_asks, 0, "{stage}");
    let stats = client.close(SECOND).await.stats;
    assert_eq!((stats.buffered, stats.queued), (0, 0), "{stage}");
    assert_nothing_is_kept(&stats);
}

#[test]
fn an_ask_that_is_dropped_leaves_nothing_behind_wherever_it_was() {
    in_paused_time(|| async {
        for stage in 0..7 {
            dropped_at(stage).await;
        }
    });
}
