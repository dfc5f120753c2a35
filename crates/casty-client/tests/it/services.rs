//! Services as views list them, and the picker of one instance.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{
    ActorRef, AskError, ClientBuilder, ClusterClient, Fate, Instance, LookupError, NodeAddress,
    PickBy, PickError, PickedError, Picker, ReadyError, ServiceKey, TellError,
};
use casty_proto::message::{ServiceEntry, SubscribeTopology, TopologySnapshot};
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;

use crate::node::{Link, Node, builder, in_paused_time, others_run, view};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "m.Greet")]
struct Greet {
    reply_to: ActorRef<String>,
}

fn key() -> ServiceKey<Greet> {
    ServiceKey::new("greeter")
}

/// A client of one node, which says what is registered.
struct World {
    client: ClusterClient,
    node: Node,
    link: Link,
    views: ActorRef<TopologySnapshot>,
}

impl World {
    /// Returns a client that is connected and has no view yet.
    async fn without_view() -> Self {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
        Self {
            client,
            node,
            link,
            views: subscribe.reply_to,
        }
    }

    /// Returns a client whose view lists these instances.
    async fn with(instances: &[(&str, &str)]) -> Self {
        let mut world = Self::without_view().await;
        world.list(instances).await;
        world.client.ready(SECOND).await.unwrap();
        others_run().await;
        world
    }

    /// Sends a view with these instances, each a node and a path. The nodes beginning with `x` are not
    /// alive.
    async fn list(&mut self, instances: &[(&str, &str)]) {
        let other: NodeAddress = "m:1".parse().unwrap();
        let mut view = view(&[&self.node.address, &other], None);
        let entry = |(node, path): &(&str, &str)| ServiceEntry {
            key: "greeter".into(),
            node: node.parse().unwrap(),
            path: (*path).into(),
        };
        view.registry = instances.iter().map(entry).collect();
        let nodes = view.registry.iter().map(|entry| entry.node.clone());
        view.unreachable = nodes.filter(|node| node.host().starts_with('x')).collect();
        self.send(&view).await;
    }

    async fn send(&mut self, view: &TopologySnapshot) {
        self.link.send(&self.views, view).await;
        others_run().await;
    }

    fn picker(&self) -> Picker<Greet> {
        self.client.picker(&key())
    }
}

fn paths(instances: &[Instance<Greet>]) -> Vec<String> {
    let path = |instance: &Instance<Greet>| instance.actor.actor_ref().parts().unwrap().path.into();
    instances.iter().map(path).collect()
}

fn path(picked: &Result<Instance<Greet>, PickError>) -> String {
    paths(std::slice::from_ref(picked.as_ref().unwrap())).remove(0)
}

#[test]
fn listings_come_at_once_and_then_when_the_live_instances_change_and_at_no_other_view() {
    in_paused_time(|| async {
        let mut world = World::with(&[("n:1", "/a")]).await;
        let mut services = world.client.services(&key());
        let first = services.next().await.unwrap();
        assert_eq!(paths(&first.instances), ["/a"]);

        // Others of the same view, and an instance on a node that is not alive.
        let mut elsewhere = view(&[&world.node.address], None);
        elsewhere.registry = [ServiceEntry {
            key: "greeter".into(),
            node: world.node.address.clone(),
            path: "/a".into(),
        }]
        .into_iter()
        .collect();
        elsewhere.allocation_epoch = 7;
        world.send(&elsewhere).await;
        world.list(&[("n:1", "/a"), ("x:1", "/a")]).await;
        assert!(
            tokio::time::timeout(SECOND, services.changed())
                .await
                .is_err(),
            "nothing is new"
        );

        // Of several the last.
        world.list(&[("n:1", "/a"), ("n:1", "/b")]).await;
        world.list(&[("n:1", "/b")]).await;
        let last = services.changed().await.unwrap();
        assert_eq!(paths(&last.instances), ["/b"]);
        world.list(&[]).await;
        assert!(services.next().await.unwrap().instances.is_empty());
        world.client.close(Duration::ZERO).await;
        assert!(services.next().await.is_none());
        assert!(services.changed().await.is_err());
    });
}

#[test]
fn the_first_listing_waits_for_a_view() {
    in_paused_time(|| async {
        let mut world = World::without_view().await;
        let mut services = world.client.services(&key());
        assert!(tokio::time::timeout(SECOND, services.next()).await.is_err());
        world.list(&[]).await;
        assert!(services.next().await.unwrap().instances.is_empty());
    });
}

#[test]
fn so_many_instances_are_waited_for() {
    in_paused_time(|| async {
        let mut world = World::with(&[("n:1", "/a")]).await;
        let mut services = world.client.services(&key());
        let (two, ()) = tokio::join!(services.wait_for(2), async {
            others_run().await;
            world.list(&[("n:1", "/a"), ("x:1", "/a")]).await;
            world.list(&[("n:1", "/a"), ("n:1", "/b")]).await;
        });
        assert_eq!(paths(&two.unwrap().instances), ["/a", "/b"]);
        // It was returned.
        assert!(
            tokio::time::timeout(SECOND, services.changed())
                .await
                .is_err()
        );
        let one = world.client.lookup_wait(&key(), Duration::ZERO).await;
        assert_eq!(one.unwrap().instances.len(), 2);
    });
}

#[test]
fn who_finds_no_service_in_time_is_told_what_was_seen() {
    in_paused_time(|| async {
        let mut world = World::without_view().await;
        let error = world.client.lookup_wait(&key(), SECOND).await.unwrap_err();
        let silent = match &error {
            LookupError::NotReady {
                source: ReadyError::Timeout { silent, .. },
                ..
            } => silent.clone(),
            other => panic!("{other}"),
        };
        assert_eq!(silent, [world.node.address.clone()]);

        world.list(&[("n:1", "/a"), ("n:1", "/b")]).await;
        let mut services = world.client.services(&key());
        let (error, ()) = tokio::join!(services.wait_for_within(3, SECOND), async {
            others_run().await;
            world.list(&[("n:1", "/a"), ("x:1", "/c")]).await;
        });
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            "service \"greeter\" has 1 live instance within 1s, not 3; it had 2 meanwhile; not alive: \
             x:1"
        );
        // What was too little for the wish is news still.
        let listing = tokio::time::timeout(SECOND, services.changed()).await;
        assert_eq!(paths(&listing.unwrap().unwrap().instances), ["/a"]);
        world.client.close(Duration::ZERO).await;
        let closed = world.client.lookup_wait(&key(), SECOND).await;
        assert!(matches!(closed, Err(LookupError::Closed)));
    });
}

#[test]
fn instances_are_picked_in_turn_by_lot_or_by_node() {
    in_paused_time(|| async {
        let world =
            World::with(&[("m:1", "/z"), ("n:1", "/a"), ("n:1", "/b"), ("n:1", "/c")]).await;
        let picker = world.picker();
        let mut counts = BTreeMap::<_, u32>::new();
        let mut before = None;
        for _ in 0..9 {
            let picked = path(&picker.pick());
            assert_ne!(Some(&picked), before.as_ref(), "one after the other");
            *counts.entry(picked.clone()).or_default() += 1;
            before = Some(picked);
        }
        // Nobody listens at m:1, so others are better.
        let even = ["/a", "/b", "/c"].map(|path| (path.to_owned(), 3));
        assert_eq!(counts, BTreeMap::from(even));

        let any = picker.clone().by(PickBy::Any);
        let mut lots: Vec<_> = (0..60).map(|_| path(&any.pick())).collect();
        assert!(
            lots.windows(2).any(|pair| pair[0] == pair[1]),
            "no turns: {lots:?}"
        );
        lots.sort();
        lots.dedup();
        assert_eq!(lots, ["/a", "/b", "/c"]);

        let there = picker.clone().by(PickBy::Node("m:1".parse().unwrap()));
        assert_eq!(path(&there.pick()), "/z");
        let nowhere: NodeAddress = "k:1".parse().unwrap();
        let error = picker.by(PickBy::Node(nowhere.clone())).pick().unwrap_err();
        let service = "greeter".to_owned();
        let node = nowhere;
        assert_eq!(error, PickError::NotThere { service, node });
    });
}

#[test]
fn pickers_that_are_made_anew_do_not_all_begin_with_the_same_instance() {
    in_paused_time(|| async {
        let world = World::with(&[("n:1", "/a"), ("n:1", "/b"), ("n:1", "/c")]).await;
        for by in [PickBy::Any, PickBy::RoundRobin] {
            let first = |_| path(&world.picker().by(by.clone()).pick());
            let mut firsts: Vec<_> = (0..60).map(first).collect();
            firsts.sort();
            firsts.dedup();
            assert_eq!(firsts, ["/a", "/b", "/c"], "{by:?}");
        }
    });
}

#[test]
fn without_an_instance_there_is_an_error_that_tells_why() {
    in_paused_time(|| async {
        let mut world = World::without_view().await;
        let picker = world.picker();
        assert_eq!(picker.pick().unwrap_err(), PickError::NotReady);
        world.list(&[("x:1", "/a")]).await;
        let error = picker.pick().unwrap_err();
        assert_eq!(
            error.to_string(),
            "no live node runs an instance of service \"greeter\"; not alive: x:1"
        );
        let greet = |reply_to| Greet { reply_to };
        let asked = picker.ask(greet).await.unwrap_err();
        assert_eq!(asked.fate(), Fate::NotSent);
        assert!(matches!(
            asked,
            PickedError::NotPicked(PickError::NoInstance { .. })
        ));
        // Nor is there one of which nobody has heard, for a tell.
        world.list(&[]).await;
        let nobody = ActorRef::new("casty://s@m:1/nobody").unwrap();
        let told = picker.tell(greet(nobody)).unwrap_err();
        assert_eq!(told.fate(), Fate::NotSent);
        let PickedError::NotPicked(PickError::NoInstance { service, dead }) = told else {
            panic!("{told:?}");
        };
        assert_eq!((&*service, dead.len()), ("greeter", 0));
        assert_eq!(world.client.stats().accepted, 0);
        world.client.close(Duration::ZERO).await;
        assert_eq!(picker.pick().unwrap_err(), PickError::Closed);
    });
}

#[test]
fn an_instance_that_failed_is_set_aside_for_some_time_unless_it_is_the_last() {
    in_paused_time(|| async {
        let mut world = World::with(&[("n:1", "/a"), ("n:1", "/b")]).await;
        let picker = world.picker().set_aside_for(3 * SECOND);
        let bad = picker.pick().unwrap();
        picker.failed(&bad);
        assert!(picker.is_set_aside(&bad));
        let other = path(&picker.pick());
        assert_ne!(other, paths(std::slice::from_ref(&bad))[0]);
        for _ in 0..4 {
            assert_eq!(path(&picker.clone().by(PickBy::Any).pick()), other);
        }
        // All of them are: better one of these than none.
        let good = picker.pick().unwrap();
        picker.failed(&good);
        assert_ne!(path(&picker.pick()), path(&picker.pick()));
        picker.answered(&good);
        assert_eq!(path(&picker.pick()), other);
        tokio::time::advance(3 * SECOND).await;
        assert!(!picker.is_set_aside(&bad));
        assert_ne!(path(&picker.pick()), path(&picker.pick()));

        // One that is no longer listed is forgotten.
        picker.failed(&bad);
        world.list(&[("n:1", "/c")]).await;
        picker.failed(&bad);
        assert_eq!(path(&picker.pick()), "/c");
        world.list(&[("n:1", "/a"), ("n:1", "/b")]).await;
        assert!(!picker.is_set_aside(&bad), "it came anew");
        let never = picker.set_aside_for(Duration::ZERO);
        never.failed(&bad);
        assert!(!never.is_set_aside(&bad));
    });
}

#[test]
fn an_ask_without_a_reply_sets_its_instance_aside_and_a_reply_takes_it_back() {
    in_paused_time(|| async {
        let World {
            client,
            node: _node,
            mut link,
            ..
        } = World::with(&[("n:1", "/a"), ("n:1", "/b")]).await;
        let picker = client.picker(&key());
        let greet = |reply_to| Greet { reply_to };
        let error = picker.ask(greet).within(SECOND).await.unwrap_err();
        let PickedError::Failed { node, source } = &error else {
            panic!("{error}");
        };
        assert_eq!(node.to_string(), "n:1");
        assert!(matches!(source, AskError::Timeout { .. }));
        assert_eq!(error.fate(), Fate::Unknown);
        let silent = link.next().await.unwrap().path;
        // The other one alone is asked meanwhile.
        for _ in 0..3 {
            let (reply, ()) = tokio::join!(picker.ask(greet).into_future(), async {
                let asked = link.next().await.unwrap();
                assert_ne!(asked.path, silent);
                let Greet { reply_to } = asked.decode();
                link.send(&reply_to, &"hello".to_owned()).await;
            });
            assert_eq!(reply.unwrap(), "hello");
        }
        tokio::time::advance(5 * SECOND).await;
        let mut asked = Vec::new();
        for _ in 0..2 {
            let (reply, path) = tokio::join!(picker.ask(greet).into_future(), async {
                let asked = link.next().await.unwrap();
                let Greet { reply_to } = asked.decode();
                link.send(&reply_to, &"hello".to_owned()).await;
                asked.path
            });
            reply.unwrap();
            asked.push(path);
        }
        asked.sort();
        assert_eq!(asked, ["/a", "/b"]);
    });
}

/// Reads the next message for an instance.
async fn asked(link: &mut Link) -> (String, ActorRef<String>) {
    loop {
        let received = link.next().await.unwrap();
        if let Ok(Greet { reply_to }) = received.try_decode() {
            return (received.path, reply_to);
        }
    }
}

#[test]
fn an_idempotent_ask_goes_to_another_instance_when_one_is_silent_and_sets_that_aside() {
    in_paused_time(|| async {
        let mut world = World::with(&[("n:1", "/a"), ("n:1", "/b")]).await;
        let picker = world.picker();
        let greet = |reply_to| Greet { reply_to };
        let ask = world
            .client
            .ask(&picker, greet)
            .within(3 * SECOND)
            .idempotent();
        let (reply, silent) = tokio::join!(ask.into_future(), async {
            let (silent, _) = asked(&mut world.link).await;
            let (other, reply_to) = asked(&mut world.link).await;
            assert_ne!(other, silent);
            world.link.send(&reply_to, &"hello".to_owned()).await;
            silent
        });
        assert_eq!(reply.unwrap(), "hello");
        for _ in 0..4 {
            assert_ne!(path(&picker.pick()), silent);
        }

        // Of none that reply, each is set aside, and the last one named.
        tokio::time::advance(5 * SECOND).await;
        let ask = picker.ask(greet).within(SECOND).idempotent().attempts(2);
        let error = ask.await.unwrap_err();
        let two = AskError::Timeout {
            after: SECOND,
            attempts: 2,
        };
        let PickedError::Failed { node, source } = &error else {
            panic!("{error}");
        };
        assert_eq!(
            (node, source.to_string()),
            (&world.node.address, two.to_string())
        );
        let all = world.client.lookup(&key()).instances;
        assert!(all.iter().all(|instance| picker.is_set_aside(instance)));
    });
}

#[test]
fn an_early_copy_goes_to_another_instance_and_sets_none_aside() {
    in_paused_time(|| async {
        let mut world = World::with(&[("n:1", "/a"), ("n:1", "/b"), ("n:1", "/c")]).await;
        let picker = world.picker();
        let ask = picker.ask(|reply_to| Greet { reply_to }).within(3 * SECOND);
        let ask = ask.idempotent().hedge_after(SECOND / 10);
        let (reply, ()) = tokio::join!(ask.into_future(), async {
            let (first, _) = asked(&mut world.link).await;
            let (second, reply_to) = asked(&mut world.link).await;
            assert_ne!(second, first);
            world.link.send(&reply_to, &"hello".to_owned()).await;
        });
        assert_eq!(reply.unwrap(), "hello");
        assert_eq!(world.client.stats().hedges, 1);
        let all = world.client.lookup(&key()).instances;
        assert!(!all.iter().any(|instance| picker.is_set_aside(instance)));
    });
}

#[test]
fn the_only_instance_is_asked_again_and_taken_back_when_it_replies() {
    in_paused_time(|| async {
        let mut world = World::with(&[("n:1", "/a")]).await;
        let picker = world.picker();
        let ask = picker.ask(|reply_to| Greet { reply_to }).within(3 * SECOND);
        let (reply, ()) = tokio::join!(ask.idempotent().into_future(), async {
            asked(&mut world.link).await;
            let (_, reply_to) = asked(&mut world.link).await;
            let only = picker.pick().unwrap();
            assert!(picker.is_set_aside(&only));
            world.link.send(&reply_to, &"hello".to_owned()).await;
        });
        assert_eq!(reply.unwrap(), "hello");
        assert!(!picker.is_set_aside(&picker.pick().unwrap()));
    });
}

/// Two connected nodes, each of which runs an instance of a service.
async fn pair(
    service: &str,
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (ClusterClient, [(Node, Link); 2]) {
    let network = MemoryNetwork::new();
    let mut first = Node::listen(&network, "n:1").await;
    let mut second = Node::listen(&network, "o:1").await;
    let client = configure(builder(&network, "n:1")).connect().await.unwrap();
    let mut link = first.accept().await;
    let subscribe: SubscribeTopology = link.next().await.unwrap().decode();
    let addresses = [&first.address, &second.address];
    let mut view = view(&addresses, None);
    let entry = |node: &NodeAddress| ServiceEntry {
        key: service.into(),
        node: node.clone(),
        path: "/a".into(),
    };
    view.registry = addresses.into_iter().map(entry).collect();
    link.send(&subscribe.reply_to, &view).await;
    client.ready(SECOND).await.unwrap();
    let other = second.accept().await;
    others_run().await;
    (client, [(first, link), (second, other)])
}

#[test]
fn an_idempotent_ask_whose_connection_is_lost_goes_to_an_instance_on_another_node() {
    in_paused_time(|| async {
        let (client, [(first, mut lost), (_second, mut other)]) = pair("greeter", |it| it).await;
        let picker = client.picker(&key());
        // It failed once, and is better than the one that loses this very message.
        let aside = client.lookup(&key()).instances.remove(1);
        assert_ne!(aside.node, first.address);
        picker.failed(&aside);
        let ask = picker.ask(|reply_to| Greet { reply_to }).idempotent();
        let (reply, ()) = tokio::join!(ask.into_future(), async {
            asked(&mut lost).await;
            drop(lost);
            let (_, reply_to) = asked(&mut other).await;
            other.send(&reply_to, &"hello".to_owned()).await;
        });
        assert_eq!(reply.unwrap(), "hello");
    });
}

#[test]
fn a_tell_goes_to_another_instance_where_the_first_has_no_capacity() {
    in_paused_time(|| async {
        let (client, _nodes) = pair("text", |it| it.outbox_bytes(4096)).await;
        let picker = client.picker(&ServiceKey::<Arc<str>>::new("text"));
        // Nobody reads, and no task of the client runs in between: some 3 messages fit each.
        let text: Arc<str> = "x".repeat(1_200).into();
        let mut told = BTreeMap::<_, u32>::new();
        let refused = loop {
            match picker.tell(Arc::clone(&text)) {
                Ok(node) => *told.entry(node.to_string()).or_default() += 1,
                Err(refused) => break refused,
            }
            assert!(told.values().sum::<u32>() < 100, "nothing is full");
        };
        assert!(matches!(
            refused,
            PickedError::Failed {
                source: TellError::Busy { .. },
                ..
            }
        ));
        assert_eq!(refused.fate(), Fate::NotSent);
        let [one, other] = [told["n:1"], told["o:1"]];
        assert_eq!(one, other, "the last one went where there was capacity");
    });
}
