//! Actors of whichever node leads, of all members, and of one node by path.

use std::time::Duration;

use casty_client::{
    ActorRef, AskError, ClusterClient, Fate, LeaderRef, MissingRoute, NameError, NodeAddress,
    NotSent, TellError,
};
use casty_proto::AddressError;
use casty_proto::message::{MemberStatus, SubscribeTopology, TopologySnapshot};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;

use crate::node::{Link, Node, assert_conserved, builder, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "m.Get")]
struct Get {
    reply_to: ActorRef<u32>,
}

fn get(reply_to: ActorRef<u32>) -> Get {
    Get { reply_to }
}

/// Two connected nodes, of which the first has sent the view and leads.
struct Pair {
    client: ClusterClient,
    first: (Node, Link),
    second: (Node, Link),
    views: ActorRef<TopologySnapshot>,
    told: TopologySnapshot,
}

impl Pair {
    async fn connected() -> Self {
        let network = MemoryNetwork::new();
        let mut first = Node::listen(&network, "a:1").await;
        let mut second = Node::listen(&network, "b:1").await;
        let builder = builder(&network, "a:1").outbox_bytes(4096);
        let client = builder.connect().await.unwrap();
        let mut to_first = first.accept().await;
        let subscribe: SubscribeTopology = to_first.next().await.unwrap().decode();
        let told = view(&[&first.address, &second.address], None);
        let views = subscribe.reply_to;
        to_first.send(&views, &told).await;
        let to_second = second.accept().await;
        client.ready(SECOND).await.unwrap();
        others_run().await;
        Self {
            client,
            first: (first, to_first),
            second: (second, to_second),
            views,
            told,
        }
    }

    fn numbers<M>(&self) -> LeaderRef<M> {
        self.client.singleton("numbers").unwrap()
    }

    /// Sends the view again, changed.
    async fn tell(&mut self, change: impl FnOnce(&mut TopologySnapshot)) {
        change(&mut self.told);
        self.first.1.send(&self.views, &self.told).await;
        others_run().await;
    }

    async fn lead_by(&mut self, leader: Option<&str>) {
        let leader = leader.map(|node| node.parse().unwrap());
        self.tell(|view| view.leader = leader).await;
    }

    /// Has the second node lead, and fills its connection: what is sent from now on stays in the outbox.
    async fn lead_by_full(&mut self) {
        self.lead_by(Some("b:1")).await;
        let full = &self.second.0.address;
        let full = self.client.actor_on::<String>(full, "full").unwrap();
        while self.client.stats().queued == 0 {
            full.tell("x".repeat(1000)).unwrap();
            others_run().await;
        }
    }
}

async fn answer(link: &mut Link, path: &str, number: u32) {
    let asked: Get = link.next_to(path).await.unwrap().decode();
    link.send(&asked.reply_to, &number).await;
}

#[test]
fn a_singleton_is_sent_to_at_whoever_leads_then() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        let numbers = pair.numbers::<u32>();
        assert_eq!(numbers.path(), "/_singleton-numbers");
        numbers.tell(1).unwrap();
        let told = pair.first.1.next_to("/_singleton-numbers").await.unwrap();
        assert_eq!(told.decode::<u32>(), 1);
        pair.lead_by(Some("b:1")).await;
        numbers.tell(2).unwrap();
        let told = pair.second.1.next_to("/_singleton-numbers").await.unwrap();
        assert_eq!(told.decode::<u32>(), 2);
        let asked = pair.numbers();
        let (reply, ()) = tokio::join!(
            asked.ask(get).into_future(),
            answer(&mut pair.second.1, "/_singleton-numbers", 3)
        );
        assert_eq!(reply.unwrap(), 3);
        // As any other actor.
        let other = pair.client.actor_on_leader::<u32>("/parent/child").unwrap();
        assert_eq!(other.now().unwrap().uri(), "casty://s@b:1/parent/child");
        let first = &pair.first.0.address;
        let fixed = pair.client.actor_on::<u32>(first, "worker").unwrap();
        assert_eq!(fixed.uri(), "casty://s@a:1/worker");
    });
}

#[test]
fn without_a_live_leader_a_tell_is_refused_and_one_that_may_wait_waits() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        let numbers = pair.numbers::<u32>();
        let lost: NodeAddress = "a:1".parse().unwrap();
        pair.tell(|view| view.unreachable = [lost].into_iter().collect())
            .await;
        assert_eq!(numbers.leader(), None, "it is called unreachable");
        pair.lead_by(None).await;
        assert_eq!(numbers.tell(1), Err(TellError::NoLeader));
        assert_eq!(numbers.now().unwrap_err(), TellError::NoLeader);
        let refused = pair.numbers().ask(get).await.unwrap_err();
        assert!(
            matches!(refused, AskError::Refused(TellError::NoLeader)),
            "{refused}"
        );
        assert_eq!(refused.fate(), Fate::NotSent);
        let waited = tokio::time::Instant::now();
        let late = numbers.tell_within(1, SECOND).await;
        assert_eq!((late, waited.elapsed()), (Err(TellError::NoLeader), SECOND));
        let waiting = numbers.clone();
        let waiting = tokio::spawn(async move { waiting.tell_wait(2).await });
        others_run().await;
        pair.lead_by(Some("b:1")).await;
        assert_eq!(waiting.await.unwrap(), Ok(()));
        let told = pair.second.1.next_to("/_singleton-numbers").await.unwrap();
        assert_eq!(told.decode::<u32>(), 2);
        let led = numbers.wait_for_leader(Duration::ZERO).await;
        assert_eq!(led.unwrap(), pair.second.0.address);
        pair.client.close(Duration::ZERO).await;
        assert_eq!(numbers.tell_wait(3).await, Err(TellError::Closed));
    });
}

#[test]
fn an_idempotent_ask_of_a_leader_that_dies_goes_to_the_next_one() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        pair.lead_by(Some("b:1")).await;
        let numbers = pair.numbers();
        let asked = numbers.ask(get).idempotent().within(6 * SECOND).send();
        pair.second.1.next_to("/_singleton-numbers").await.unwrap();
        // It dies; the view says so some time later.
        let dead = pair.second.0.address.clone();
        drop(pair.second);
        let answered = async {
            others_run().await;
            tokio::time::sleep(SECOND).await;
            pair.told.unreachable = [dead].into_iter().collect();
            pair.told.leader = Some(pair.first.0.address.clone());
            pair.first.1.send(&pair.views, &pair.told).await;
            answer(&mut pair.first.1, "/_singleton-numbers", 7).await;
        };
        let (reply, ()) = tokio::join!(asked, answered);
        assert_eq!(reply.unwrap(), 7);
    });
}

#[test]
fn an_idempotent_ask_waits_for_a_leader_and_one_that_none_came_for_ends_in_time() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        pair.lead_by(None).await;
        let numbers = pair.numbers();
        let begun = tokio::time::Instant::now();
        let never = numbers.ask(get).idempotent().within(SECOND).await;
        let Err(AskError::NotSent(NotSent::Expired(MissingRoute::Leader))) = never else {
            panic!("{never:?}");
        };
        assert!(begun.elapsed() < SECOND + Duration::from_millis(100));
        let asked = numbers.ask(get).idempotent().within(6 * SECOND).send();
        pair.lead_by(Some("b:1")).await;
        let (reply, ()) = tokio::join!(asked, answer(&mut pair.second.1, "/_singleton-numbers", 8));
        assert_eq!(reply.unwrap(), 8);
        assert_eq!(pair.client.stats().pending_asks, 0);
    });
}

#[test]
fn what_never_left_for_a_leader_that_dies_goes_to_the_next_one_in_order() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        pair.lead_by_full().await;
        let (telling, asking) = (pair.numbers::<u32>(), pair.numbers());
        telling.tell(1).unwrap();
        let once = asking.ask(get).within(6 * SECOND).send();
        let again = asking.ask(get).idempotent().within(6 * SECOND).send();
        let Pair {
            client,
            mut first,
            second,
            views,
            told: mut view,
        } = pair;
        let dead = second.0.address.clone();
        // It dies, and is called the leader all the same; then there is none for a while.
        drop(second);
        others_run().await;
        telling.tell(2).unwrap();
        view.unreachable = [dead].into_iter().collect();
        for leader in [None, Some(first.0.address.clone())] {
            others_run().await;
            assert_eq!(client.stats().pending_asks, 2);
            view.leader = leader;
            first.1.send(&views, &view).await;
        }
        let mut came = Vec::new();
        for _ in 0..4 {
            let received = first.1.next_to("/_singleton-numbers").await.unwrap();
            if let Ok(asked) = received.try_decode::<Get>() {
                first.1.send(&asked.reply_to, &7).await;
                came.push(None);
            } else {
                came.push(Some(received.decode::<u32>()));
            }
        }
        assert_eq!(came, [Some(1), None, None, Some(2)]);
        assert_eq!((once.await.unwrap(), again.await.unwrap()), (7, 7));
        telling.tell(3).unwrap();
        let told = first.1.next_to("/_singleton-numbers").await.unwrap();
        assert_eq!(told.decode::<u32>(), 3);
        drop(first);
        assert_conserved(&client.close(SECOND).await);
    });
}

#[test]
fn what_is_in_the_outbox_of_a_leader_that_a_view_avoids_goes_to_the_next_one() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        pair.lead_by_full().await;
        let asked = pair.numbers().ask(get).send();
        let next = pair.first.0.address.clone();
        let avoided = pair.second.0.address.clone();
        pair.tell(|view| {
            view.unreachable = [avoided].into_iter().collect();
            view.leader = Some(next);
        })
        .await;
        answer(&mut pair.first.1, "/_singleton-numbers", 9).await;
        assert_eq!(asked.await.unwrap(), 9);
    });
}

#[test]
fn what_a_leader_was_sent_is_not_sent_to_the_next_one() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        pair.lead_by(Some("b:1")).await;
        let asked = pair.numbers().ask(get).within(6 * SECOND).send();
        pair.second.1.next_to("/_singleton-numbers").await.unwrap();
        let telling = pair.numbers::<u32>();
        drop(pair.second);
        let lost = asked.await.unwrap_err();
        assert!(matches!(lost, AskError::Lost { .. }), "{lost}");
        pair.told.leader = Some(pair.first.0.address.clone());
        pair.first.1.send(&pair.views, &pair.told).await;
        others_run().await;
        telling.tell(5).unwrap();
        let told = pair.first.1.next_to("/_singleton-numbers").await.unwrap();
        assert_eq!(told.decode::<u32>(), 5);
    });
}

#[test]
fn what_never_left_for_a_leader_that_nobody_follows_ends_in_time_and_tells_what_was_missing() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        pair.lead_by_full().await;
        let begun = tokio::time::Instant::now();
        let asked = pair.numbers().ask(get).within(SECOND).send();
        let dead = pair.second.0.address.clone();
        drop(pair.second);
        let error = asked.await.unwrap_err();
        assert!(begun.elapsed() < SECOND + Duration::from_millis(100));
        let AskError::NotSent(NotSent::Expired(MissingRoute::Connection(node))) = &error else {
            panic!("{error:?}");
        };
        assert_eq!((node, error.fate()), (&dead, Fate::NotSent));
    });
}

#[test]
fn a_broadcast_reaches_each_member_that_is_up_and_tells_who_refused() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        let all = pair.client.broadcast::<String>("news").unwrap();
        assert_eq!(all.path(), "/_bcast-news");
        let told = all.tell("one".to_owned()).unwrap();
        assert_eq!(told.accepted.len(), 2);
        assert_eq!(told.all(), Ok(2));
        for link in [&mut pair.first.1, &mut pair.second.1] {
            let told = link.next_to("/_bcast-news").await.unwrap();
            assert_eq!(told.decode::<String>(), "one");
        }
        // The second has no capacity left.
        let second = all.on(&pair.second.0.address);
        while second.tell("x".repeat(1000)).is_ok() {}
        let told = all.tell("two".to_owned() + &"x".repeat(1000)).unwrap();
        assert_eq!(told.accepted, [pair.first.0.address.clone()]);
        assert_eq!(told.refused.len(), 1);
        assert!(matches!(told.all(), Err(TellError::Busy { .. })));
        // One that is not up yet is no receiver, and one that is unreachable neither.
        let joins = |status| {
            move |view: &mut TopologySnapshot| {
                for member in &mut view.members.0 {
                    if member.address.host() == "b" {
                        member.status = status;
                    }
                }
            }
        };
        pair.tell(joins(MemberStatus::Joining)).await;
        assert_eq!(all.members(), [pair.first.0.address.clone()]);
        pair.tell(joins(MemberStatus::Up)).await;
        assert_eq!(all.members().len(), 2);
        let everyone = all.members();
        pair.tell(|view| view.unreachable = everyone.into_iter().collect())
            .await;
        assert_eq!(all.tell(String::new()).unwrap_err(), TellError::NoMember);
        assert!(all.ask_all(|_: ActorRef<()>| String::new()).is_err());
        drop(pair.second);
        drop(pair.first);
        assert_conserved(&pair.client.close(SECOND).await);
        assert_eq!(all.tell(String::new()).unwrap_err(), TellError::Closed);
    });
}

#[test]
fn each_member_is_asked_by_itself_and_the_silent_ones_come_last_by_name() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        let all = pair.client.actor_on_all::<Get>("cache").unwrap();
        let mut asked = all.ask_all(get).unwrap().within(2 * SECOND);
        assert_eq!(asked.remaining(), 2);
        let (first, ()) = tokio::join!(asked.next(), answer(&mut pair.second.1, "/cache", 5));
        let (node, reply) = first.unwrap();
        assert_eq!((node, reply.unwrap()), (pair.second.0.address.clone(), 5));
        let (node, reply) = asked.next().await.unwrap();
        assert_eq!(node, pair.first.0.address);
        assert!(matches!(reply, Err(AskError::Timeout { .. })));
        assert!(asked.next().await.is_none());

        let gathered = all.ask_all(get).unwrap().within(SECOND).gather();
        let (gathered, ()) = tokio::join!(gathered, async {
            pair.first.1.next_to("/cache").await.unwrap();
            answer(&mut pair.first.1, "/cache", 6).await;
        });
        assert_eq!(gathered.replies, [(pair.first.0.address.clone(), 6)]);
        let [(silent, error)] = &gathered.missing[..] else {
            panic!("{gathered:?}");
        };
        assert_eq!(*silent, pair.second.0.address);
        assert_eq!(error.fate(), Fate::Unknown);
        assert_eq!(pair.client.stats().pending_asks, 0);
    });
}

#[test]
fn no_more_members_are_asked_at_once_than_may_be_and_dropping_abandons_them() {
    in_paused_time(|| async {
        let mut pair = Pair::connected().await;
        let all = pair.client.actor_on_all::<Get>("cache").unwrap();
        let mut asked = all.ask_all(get).unwrap().at_once(1).within(SECOND);
        assert!(is_pending(&mut asked).await);
        assert_eq!(pair.client.stats().pending_asks, 1);
        let (node, reply) = asked.next().await.unwrap();
        assert_eq!(node, pair.first.0.address);
        assert!(reply.is_err());
        assert!(is_pending(&mut asked).await);
        pair.second.1.next_to("/cache").await.unwrap();
        drop(asked);
        assert_eq!(pair.client.stats().pending_asks, 0);
    });
}

/// Polls a stream once, and returns whether it has nothing yet.
async fn is_pending<S: tokio_stream::Stream + Unpin>(stream: &mut S) -> bool {
    tokio::time::timeout(Duration::ZERO, stream.next())
        .await
        .is_err()
}

#[test]
fn names_that_make_no_path_are_refused() {
    in_paused_time(|| async {
        let pair = Pair::connected().await;
        let client = &pair.client;
        let node = &pair.first.0.address;
        for name in ["", "a\nb", "//"] {
            let unusable = Some(NameError::Unusable(name.to_owned()));
            assert_eq!(client.singleton::<u32>(name).err(), unusable);
            assert_eq!(client.broadcast::<u32>(name).err(), unusable);
            let refused = client.actor_on::<u32>(node, name).err();
            assert_eq!(refused, Some(AddressError::NoPath));
        }
        assert!(client.actor_on_leader::<u32>("//").is_err());
        assert!(client.actor_on_all::<u32>("/").is_err());
        let nowhere = NodeAddress::new("a:b", 1);
        assert!(client.actor_on::<u32>(&nowhere, "x").is_err());
    });
}

#[test]
fn a_path_in_place_of_a_name_is_refused_and_the_right_call_is_named() {
    in_paused_time(|| async {
        let pair = Pair::connected().await;
        let client = &pair.client;
        for (name, call, argument) in [
            ("/_singleton-numbers", "singleton", "numbers"),
            ("_singleton-numbers", "singleton", "numbers"),
            ("/numbers", "singleton", "numbers"),
            ("parent/child", "actor_on_leader", "/parent/child"),
            ("/_singleton-a/b", "actor_on_leader", "/_singleton-a/b"),
            ("_numbers", "actor_on_leader", "/_numbers"),
        ] {
            let refused = client.singleton::<u32>(name).unwrap_err();
            let (name, argument) = (name.to_owned(), argument.to_owned());
            let path = NameError::Path {
                name,
                call,
                argument,
            };
            assert_eq!(refused, path);
        }
        let refused = client.broadcast::<u32>("/_bcast-cache").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "\"/_bcast-cache\" is a path, not the name by which nodes spawn it; use broadcast(\"cache\")"
        );
        let refused = client.broadcast::<u32>("a/b").unwrap_err();
        assert!(refused.to_string().ends_with("use actor_on_all(\"/a/b\")"));
    });
}
