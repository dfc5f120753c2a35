//! Many tells in one call, and many asks from one task.

use std::ops::Range;
use std::time::{Duration, Instant};

use casty_client::{
    ActorRef, AskError, AskMany, BufferLimits, ClientBuilder, ClusterClient, RegionRef,
    ShardEnvelope, TellError,
};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize, Serializer};
use tokio::runtime;
use tokio_stream::StreamExt;

use crate::node::{Link, Node, assert_conserved, builder, connected, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Get")]
struct Get {
    reply_to: ActorRef<i64>,
    number: i64,
}

/// Returns a client that has the view of its only node.
async fn configured(
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Node, Link, ClusterClient, RegionRef) {
    let network = MemoryNetwork::new();
    let mut node = Node::listen(&network, "n:1").await;
    let client = configure(builder(&network, "n:1")).connect().await.unwrap();
    let link = node.accept_and_tell().await;
    client.ready(SECOND).await.unwrap();
    let region = client.entity_ref("r", 1).unwrap();
    (node, link, client, region)
}

/// Reads the next tell.
async fn told<M: serde::de::DeserializeOwned>(link: &mut Link) -> (String, M) {
    let envelope = link.next_to("/_region-r").await.unwrap().decode();
    let ShardEnvelope { entity_id, message } = envelope;
    (entity_id, message)
}

/// Reads the next ask.
async fn asked(link: &mut Link) -> Get {
    told(link).await.1
}

/// Answers the next ask with its number.
async fn answer(link: &mut Link) {
    let get = asked(link).await;
    link.send(&get.reply_to, &get.number).await;
}

/// Asks of one entity, one for each number.
type Asks = AskMany<Range<i64>, fn(i64, ActorRef<i64>) -> (&'static str, Get), i64>;

fn ask_all(region: &RegionRef, window: usize, numbers: Range<i64>) -> Asks {
    region.ask_many(window, numbers, |number, reply_to| {
        ("e", Get { reply_to, number })
    })
}

#[test]
fn messages_go_to_their_entities_in_order_whatever_names_them() {
    in_paused_time(|| async {
        let (_node, mut link, client, region) = configured(|it| it).await;
        let entity = region.entity("one");
        let all = region.tell_all((0..200).map(|number| (&entity, number)));
        assert_eq!(all.all(), Ok(200));
        assert_eq!(region.tell_all([("two", 200), ("three", 201)]).all(), Ok(2));
        assert_eq!(region.tell_all([("four".to_owned(), 202)]).all(), Ok(1));
        assert_eq!(region.tell_all([entity; 0].map(|it| (it, 0))).all(), Ok(0));
        for number in 0..203 {
            let expected = match number {
                200 => "two",
                201 => "three",
                202 => "four",
                _ => "one",
            };
            let (entity, found) = told::<i32>(&mut link).await;
            assert_eq!((&*entity, found), (expected, number));
        }
        others_run().await;
        let stats = client.region_stats().swap_remove(0);
        assert_eq!((stats.accepted, stats.written), (203, 203));
    });
}

/// Cannot be encoded if it is 3.
struct ButThree(i32);

impl Serialize for ButThree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            3 => Err(serde::ser::Error::custom("three")),
            number => serializer.serialize_i32(number),
        }
    }
}

#[test]
fn those_before_a_message_that_cannot_be_encoded_are_sent_and_none_behind_it() {
    in_paused_time(|| async {
        let (_node, mut link, client, region) = configured(|it| it).await;
        let messages = || (0..10).map(|number| ("e", ButThree(number)));
        for _ in 0..2 {
            let all = region.tell_all(messages());
            assert_eq!(all.accepted, 3);
            assert!(matches!(all.stopped, Some(TellError::Encode(_))));
            for number in 0..3 {
                assert_eq!(told::<i32>(&mut link).await.1, number);
            }
        }
        let all = region.tell_all_wait(messages()).await;
        assert!(matches!(all.all(), Err(TellError::Encode(_))));
        assert_eq!(client.stats().accepted, 9);
    });
}

#[test]
fn it_stops_at_a_full_outbox_and_says_how_many_went() {
    in_paused_time(|| async {
        let (_node, mut link, client, region) = configured(|it| it.outbox_bytes(100_000)).await;
        let all = region.tell_all((0..10_000).map(|number| ("e", number)));
        assert!(
            matches!(all.stopped, Some(TellError::Busy { .. })),
            "{all:?}"
        );
        assert!(all.accepted > 100 && all.accepted < 10_000, "{all:?}");
        assert_eq!(client.stats().accepted, all.accepted as u64);
        for number in 0..all.accepted {
            assert_eq!(told::<usize>(&mut link).await.1, number);
        }
        let waited = region.tell_all_wait((0..10_000).map(|number| ("e", number)));
        let read = async {
            for number in 0..10_000 {
                assert_eq!(told::<usize>(&mut link).await.1, number);
            }
        };
        let (waited, ()) = tokio::join!(waited, read);
        assert_eq!(waited.all(), Ok(10_000));
        drop(link);
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn who_waits_too_long_learns_how_many_went_and_who_gives_up_has_sent_the_first_ones() {
    in_paused_time(|| async {
        let configure = |it: ClientBuilder| it.outbox_bytes(100_000).buffer_timeout(SECOND);
        let (_node, mut link, client, region) = configured(configure).await;
        let messages = || (0..10_000).map(|number| ("e", number));
        let given_up = tokio::time::timeout(SECOND / 2, region.tell_all_wait(messages())).await;
        assert!(given_up.is_err());
        let accepted = client.stats().accepted;
        assert!(accepted > 100 && accepted < 10_000, "{accepted}");
        let refused = region.tell_all_wait(messages()).await;
        assert_eq!(refused.accepted, 0);
        assert!(matches!(refused.stopped, Some(TellError::Busy { .. })));
        for number in 0..accepted {
            assert_eq!(told::<u64>(&mut link).await.1, number);
        }
    });
}

#[test]
fn a_task_may_tell_and_ask_all_with_closures_that_take_references() {
    in_paused_time(|| async {
        let (_node, mut link, _client, region) = configured(|it| it).await;
        let task = tokio::spawn(async move {
            let entities = [1, 2, 3].map(|number| region.entity(number.to_string()));
            let told = region.tell_all_wait(entities.iter().map(|entity| (entity, 7)));
            told.await.all().unwrap();
            let results = region.ask_many(2, &entities, |entity, reply_to| {
                (
                    entity,
                    Get {
                        reply_to,
                        number: 8,
                    },
                )
            });
            results
                .map(|(_, result)| result.unwrap())
                .collect::<Vec<_>>()
                .await
        });
        for _ in 0..3 {
            assert_eq!(told::<i32>(&mut link).await.1, 7);
        }
        for _ in 0..3 {
            answer(&mut link).await;
        }
        assert_eq!(task.await.unwrap(), [8; 3]);
    });
}

#[test]
fn messages_without_a_route_are_buffered_up_to_the_limit_in_order() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").buffer(BufferLimits::default().messages(8));
        let client = client.connect().await.unwrap();
        let region = client.entity_ref("r", 1).unwrap();
        let all = region.tell_all((0..100).map(|number| ("e", number)));
        assert!(matches!(all.stopped, Some(TellError::BufferFull)));
        let accepted = all.accepted;
        assert!((1..=8).contains(&accepted), "{accepted}");
        let mut node = Node::listen(&network, "n:1").await;
        let mut link = node.accept_and_tell().await;
        for number in 0..accepted {
            assert_eq!(told::<usize>(&mut link).await.1, number);
        }
        client.close(Duration::ZERO).await;
        let all = region.tell_all([("e", 1)]);
        assert_eq!((all.accepted, all.stopped), (0, Some(TellError::Closed)));
    });
}

#[test]
fn results_come_as_replies_do_and_no_more_asks_are_open_than_the_window() {
    in_paused_time(|| async {
        let (_node, mut link, client, region) = configured(|it| it).await;
        let mut results = ask_all(&region, 10, 0..95);
        let answers = async {
            let mut late: Vec<Get> = Vec::new();
            for _ in 0..95 {
                late.push(asked(&mut link).await);
                assert!(late.len() <= 10);
                // The last that came first.
                if late.len() == 10 || late[late.len() - 1].number == 94 {
                    others_run().await;
                    assert!(client.stats().pending_asks <= 10);
                    for get in late.drain(..).rev() {
                        link.send(&get.reply_to, &(get.number * 2)).await;
                    }
                }
            }
        };
        let taking = async {
            let mut all = Vec::new();
            while let Some((index, result)) = results.next().await {
                assert_eq!(result.unwrap(), i64::try_from(index).unwrap() * 2);
                all.push(index);
            }
            all
        };
        let (mut all, ()) = tokio::join!(taking, answers);
        assert_eq!(all[..3], [9, 8, 7]);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..95));
        assert!(results.next().await.is_none());
        assert_eq!((results.open(), client.stats().pending_asks), (0, 0));
    });
}

#[test]
fn each_ask_has_its_own_end_and_those_behind_it_go_on() {
    in_paused_time(|| async {
        let (mut node, mut link, client, region) = configured(|it| it).await;
        let mut results = ask_all(&region, 2, 0..6).within(SECOND);
        let answers = async {
            answer(&mut link).await;
            // The second is left without an answer, the third one as well; then both are lost.
            asked(&mut link).await;
            asked(&mut link).await;
            drop(link);
            let mut link = node.accept_and_tell().await;
            // The next two time out.
            asked(&mut link).await;
            asked(&mut link).await;
            answer(&mut link).await;
            link
        };
        let taking = async {
            let mut all = Vec::new();
            while let Some((index, result)) = results.next().await {
                all.push((index, result));
            }
            all
        };
        let (mut all, _link) = tokio::join!(taking, answers);
        all.sort_unstable_by_key(|(index, _)| *index);
        let all: Vec<_> = all.into_iter().map(|(_, result)| result).collect();
        assert!(matches!(all[0], Ok(0)));
        assert!(matches!(all[1], Err(AskError::Lost { attempts: 1, .. })));
        assert!(matches!(all[2], Err(AskError::Lost { attempts: 1, .. })));
        for at in [3, 4] {
            let Err(AskError::Timeout { after, attempts: 1 }) = all[at] else {
                panic!("{:?}", all[at]);
            };
            assert_eq!(after, SECOND);
        }
        assert!(matches!(all[5], Ok(5)));
        assert_eq!((all.len(), client.stats().pending_asks), (6, 0));
    });
}

#[test]
fn idempotent_ones_are_sent_again_when_their_connection_is_lost() {
    in_paused_time(|| async {
        let (mut node, mut link, client, region) = configured(|it| it).await;
        let mut results = ask_all(&region, 3, 0..5).idempotent();
        let answers = async {
            answer(&mut link).await;
            for _ in 0..3 {
                asked(&mut link).await;
            }
            drop(link);
            let mut link = node.accept_and_tell().await;
            for _ in 0..4 {
                answer(&mut link).await;
            }
            link
        };
        let taking = async {
            let mut sum = 0;
            while let Some((_, result)) = results.next().await {
                sum += result.unwrap();
            }
            sum
        };
        let (sum, _link) = tokio::join!(taking, answers);
        let stats = client.stats();
        assert_eq!((sum, stats.retries), (10, 3));
        assert_eq!((stats.pending_asks, stats.ask_bytes), (0, 0));
    });
}

#[test]
fn dropping_it_abandons_what_is_open_and_takes_no_more_items() {
    in_paused_time(|| async {
        let (_node, mut link, client, region) = configured(|it| it).await;
        for idempotent in [false, true] {
            let mut taken = 0;
            let numbers = (0..100).inspect(|_| taken += 1);
            let results = region.ask_many(8, numbers, |number, reply_to| {
                ("e", Get { reply_to, number })
            });
            let mut results = if idempotent {
                results.idempotent()
            } else {
                results
            };
            let first = async {
                let first = asked(&mut link).await;
                link.send(&first.reply_to, &7).await;
            };
            let (result, ()) = tokio::join!(results.next(), first);
            assert!(matches!(result, Some((0, Ok(7)))));
            assert_eq!(client.stats().pending_asks, 8);
            drop(results);
            assert_eq!(taken, 9);
            let stats = client.stats();
            assert_eq!((stats.pending_asks, stats.ask_bytes), (0, 0));
            // The others were sent; their replies are late.
            for _ in 0..8 {
                answer(&mut link).await;
            }
            others_run().await;
        }
        assert_eq!(client.stats().late_replies, 16);
    });
}

#[test]
fn what_is_refused_is_a_result() {
    in_paused_time(|| async {
        let (_node, mut link, client, region) = configured(|it| it.pending_asks(3)).await;
        // Never more than may be open, and no error while some are.
        let mut results = ask_all(&region, 10, 0..20);
        let answers = async {
            for _ in 0..20 {
                assert!(client.stats().pending_asks <= 3);
                answer(&mut link).await;
            }
        };
        let taking = async {
            while let Some((_, result)) = results.next().await {
                result.unwrap();
            }
        };
        tokio::join!(taking, answers);
        // All slots are taken by others.
        let entity = region.entity("e");
        let other = || {
            let ask = entity.ask(|reply_to| Get {
                reply_to,
                number: 0,
            });
            ask.send()
        };
        let _others = [other(), other(), other()];
        let results: Vec<_> = ask_all(&region, 10, 0..2).collect().await;
        let limited =
            |result: &Result<i64, _>| matches!(result, Err(AskError::TooManyAsks { limit: 3 }));
        assert!(results.len() == 2 && results.iter().all(|(_, result)| limited(result)));
        // Some cannot be sent.
        let (_node, mut link, client, region) = configured(|it| it).await;
        let numbers = [1, 3, 5, -1];
        let results = region.ask_many(4, numbers, |number, reply_to: ActorRef<i64>| {
            let reply_to = (number > 0).then_some(reply_to);
            ("e", (ButThree(number), reply_to))
        });
        let answers = async {
            for _ in 0..2 {
                let (number, to): (i64, ActorRef<i64>) = told(&mut link).await.1;
                link.send(&to, &number).await;
            }
        };
        let (mut results, ()) = tokio::join!(results.collect::<Vec<_>>(), answers);
        results.sort_unstable_by_key(|(index, _)| *index);
        let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
        assert!(matches!(results[0], Ok(1)) && matches!(results[2], Ok(5)));
        let refused = &results[1];
        assert!(matches!(
            refused,
            Err(AskError::Refused(TellError::Encode(_)))
        ));
        assert!(matches!(results[3], Err(AskError::NoReplyTo)));
        client.close(Duration::ZERO).await;
        let results: Vec<_> = ask_all(&region, 1, 0..2).collect().await;
        for (_, result) in results {
            assert!(matches!(result, Err(AskError::Refused(TellError::Closed))));
        }
    });
}

#[test]
fn callers_elsewhere_learn_that_the_time_is_over_though_the_client_is_not_driven() {
    let [own, other] = [(); 2].map(|()| {
        let mut runtime = runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap()
    });
    let network = MemoryNetwork::new();
    let client = own.block_on(async {
        let (client, node, link) = connected(&network).await;
        // Neither answers nor is read any more.
        std::mem::forget((node, link));
        client
    });
    let region = client.entity_ref("r", 1).unwrap();
    let begun = Instant::now();
    let results = ask_all(&region, 2, 0..4).within(SECOND / 10);
    let results: Vec<_> = other.block_on(results.collect());
    assert_eq!(results.len(), 4);
    for (_, result) in results {
        assert!(matches!(result, Err(AskError::Timeout { .. })));
    }
    let took = begun.elapsed();
    assert!((SECOND / 5..4 * SECOND).contains(&took), "{took:?}");
}
