//! Messages of the cluster that are long, and those over a limit of the client: over TCP.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use casty_client::{
    ActorContext, ActorRef, AskError, ClientBuilder, ClusterClient, Codec, EntityRef, Fate, Limits,
    OverLimit, ReadyError, ShardEnvelope, Value,
};
use casty_proto::message::{ShardAllocation, SubscribeTopology, TopologySnapshot};
use casty_proto::{DecodeError, EncodeError, Tuple, ValueCodec};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::logs::keep_warnings;
use crate::node::{CODEC, Link, Node, in_real_time, view};

const LONG: Duration = Duration::from_mins(1);

/// A message that an entity is to answer.
#[derive(Serialize, Deserialize)]
#[serde(rename = "bank.GetBalance")]
struct Get {
    reply_to: ActorRef<Value>,
}

/// Returns the builder of a client of this node.
fn builder(node: &Node, codec: Codec) -> ClientBuilder {
    ClusterClient::builder("s")
        .contact_point(node.address.to_string())
        .codec(codec)
}

/// Returns a client of a node, and their connection, on which the client has asked for views.
async fn subscribed(node: &mut Node, builder: ClientBuilder, codec: Codec) -> Subscribed {
    let client = builder.connect().await.unwrap();
    let mut link = node.accept().await;
    let subscribe = link.next_to("/_cluster/_topology").await.unwrap();
    let views = subscribe.decode_as::<SubscribeTopology>(codec).reply_to;
    Subscribed {
        client,
        link,
        views,
    }
}

struct Subscribed {
    client: ClusterClient,
    link: Link,
    views: ActorRef<TopologySnapshot>,
}

/// Returns the text of an error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

/// Returns the view of a cluster of one node, which owns so many shards.
fn view_of(node: &Node, shards: u32) -> TopologySnapshot {
    let mut view = view(&[&node.address], None);
    let allocation = ShardAllocation {
        primary: node.address.clone(),
        replicas: Tuple::default(),
    };
    let shards = (0..shards).map(|shard| (shard, allocation.clone()));
    view.shard_allocations = [(Arc::from("r"), shards.collect())].into();
    view
}

/// Checks that a client takes in an encoded view of so many shards.
async fn takes_in(codec: Codec, encoded: impl FnOnce(&Node) -> Vec<u8>, shards: usize) {
    let mut node = Node::listen_over_tcp().await;
    let encoded = encoded(&node);
    let builder = builder(&node, codec);
    let mut subscribed = subscribed(&mut node, builder, codec).await;
    let (link, to) = (&mut subscribed.link, subscribed.views.uri());
    link.send_encoded(to, "casty.cluster.topology.TopologySnapshot", &encoded)
        .await;
    let view = subscribed.client.ready(LONG).await.unwrap();
    assert_eq!(view.allocations("r").unwrap().len(), shards, "{codec:?}");
}

#[tokio::test]
async fn a_view_of_100_000_shards_is_taken_in_in_every_serializer() {
    for codec in [
        Codec::json(),
        Codec::msgpack(),
        #[cfg(feature = "pickle")]
        Codec::pickle(),
        #[cfg(feature = "protobuf")]
        Codec::protobuf(),
        #[cfg(feature = "zlib")]
        Codec::json().compressed(casty_client::Compression::Zlib),
    ] {
        let encoded = |node: &Node| {
            let mut encoded = Vec::new();
            codec.encode(&view_of(node, 100_000), &mut encoded).unwrap();
            encoded
        };
        takes_in(codec, encoded, 100_000).await;
    }
}

/// Pickles the view of a cluster of one node, which owns so many shards, as Python does: what occurs
/// again is written once.
#[cfg(feature = "pickle")]
fn pickled(node: &Node, shards: u32) -> Vec<u8> {
    const MEMOIZE: u8 = 0x94;
    let text = |text: &str| [&[0x8c, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let class = |module: &str, name: &str| [text(module), text(name), vec![0x93]].concat();
    let object = |class: &[u8]| [class, b")\x81}("].concat();
    let state = "casty.cluster.state";
    let mut out = b"\x80\x05".to_vec();
    out.extend(object(&class("casty.cluster.topology", "TopologySnapshot")));
    out.extend([text("members"), b"(\x91".to_vec(), text("leader")].concat());
    out.extend(object(&class(state, "NodeAddress")));
    out.extend([text("host"), text(node.address.host()), text("port")].concat());
    out.push(b'M');
    out.extend_from_slice(&node.address.port().to_le_bytes());
    out.extend([b'u', b'b', MEMOIZE]);
    out.extend(
        [
            text("shard_allocations"),
            b"}".to_vec(),
            text("r"),
            b"}(".to_vec(),
        ]
        .concat(),
    );
    for shard in 0..shards {
        out.push(b'J');
        out.extend_from_slice(&shard.to_le_bytes());
        if shard == 0 {
            out.extend(class(state, "ShardAllocation"));
            out.extend([&[MEMOIZE], &b")\x81}("[..], &text("primary"), &[MEMOIZE]].concat());
            out.extend([&b"h\x00"[..], &text("replicas"), &[MEMOIZE], b")ub"].concat());
        } else {
            out.extend_from_slice(b"h\x01)\x81}(h\x02h\x00h\x03)ub");
        }
    }
    out.extend([b"us", &text("allocation_epoch")[..], b"K\x01"].concat());
    out.extend([text("unreachable"), b"(\x91".to_vec()].concat());
    out.extend([text("registry"), b"(\x91ub.".to_vec()].concat());
    out
}

#[tokio::test]
#[cfg(feature = "pickle")]
async fn a_view_of_1_000_000_shards_is_taken_in() {
    takes_in(Codec::pickle(), |node| pickled(node, 1_000_000), 1_000_000).await;
}

/// JSON that is not read before it is let go, where it is long.
struct Held {
    begun: Notify,
    let_go: Mutex<mpsc::Receiver<()>>,
}

impl ValueCodec for Held {
    fn name(&self) -> &'static str {
        "held"
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        CODEC.encode(value, out).map(drop)
    }

    fn decode(&self, input: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
        if input.len() > 1024 * 1024 {
            self.begun.notify_one();
            self.let_go.lock().unwrap().recv().unwrap();
        }
        CODEC.decode(input, limits)
    }
}

#[test]
fn while_a_long_view_is_read_the_client_goes_on() {
    in_real_time(|| async {
        let (let_go, receiver) = mpsc::channel();
        let held: &Held = Box::leak(Box::new(Held {
            begun: Notify::new(),
            let_go: Mutex::new(receiver),
        }));
        let codec = Codec::custom(held);
        let mut node = Node::listen_over_tcp().await;
        let builder = builder(&node, codec).ask_timeout(LONG);
        let Subscribed {
            client,
            mut link,
            views,
        } = subscribed(&mut node, builder, CODEC).await;
        let [mut long, mut short] = [view_of(&node, 10_000), view_of(&node, 1)];
        [long.allocation_epoch, short.allocation_epoch] = [2, 3];
        link.send(&views, &view_of(&node, 1)).await;
        client.ready(LONG).await.unwrap();
        link.send(&views, &long).await;
        link.send(&views, &short).await;
        // One thread runs the client and this: it is not the one that reads.
        held.begun.notified().await;
        let entity = client.entity_ref("other", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        assert!(link.next_to("/_coord-other").await.is_some());
        let mut topology = client.topology();
        assert_eq!(topology.current().unwrap().version().epoch, 1);
        let_go.send(()).unwrap();
        let mut epochs = Vec::new();
        while epochs.last() != Some(&3) {
            epochs.push(topology.changed().await.unwrap().version().epoch);
        }
        assert!(epochs.is_sorted(), "{epochs:?}");
        assert_eq!(client.stats().views, 3);
    });
}

#[test]
fn a_node_that_is_lost_while_its_long_view_is_read_is_lost_after_that_view() {
    in_real_time(|| async {
        let (let_go, receiver) = mpsc::channel();
        let held: &Held = Box::leak(Box::new(Held {
            begun: Notify::new(),
            let_go: Mutex::new(receiver),
        }));
        let mut node = Node::listen_over_tcp().await;
        let builder = builder(&node, Codec::custom(held));
        let Subscribed {
            client,
            mut link,
            views,
        } = subscribed(&mut node, builder, CODEC).await;
        let [mut long, short] = [view_of(&node, 10_000), view_of(&node, 1)];
        long.allocation_epoch = 2;
        link.send(&views, &short).await;
        client.ready(LONG).await.unwrap();
        link.send(&views, &long).await;
        held.begun.notified().await;
        drop(link);
        // It is dialled again, so its loss is known. The cluster has begun anew, with a lower epoch.
        let _link = node.accept_and_tell().await;
        let_go.send(()).unwrap();
        let mut topology = client.topology();
        let anew = topology.wait_for(|view| view.version().generation == 1);
        assert_eq!(anew.await.unwrap().version().epoch, 1);
    });
}

#[test]
#[cfg(feature = "zlib")]
fn a_view_that_is_long_when_decompressed_is_read_by_another_thread() {
    in_real_time(|| async {
        let (let_go, receiver) = mpsc::channel();
        let held: &Held = Box::leak(Box::new(Held {
            begun: Notify::new(),
            let_go: Mutex::new(receiver),
        }));
        let compression = casty_client::Compression::Zlib;
        let codec = CODEC.compressed(compression);
        let mut node = Node::listen_over_tcp().await;
        let builder = builder(&node, Codec::custom(held).compressed(compression));
        let mut subscribed = subscribed(&mut node, builder, codec).await;
        let mut encoded = Vec::new();
        codec.encode(&view_of(&node, 10_000), &mut encoded).unwrap();
        assert!(encoded.len() < 100_000);
        let (link, to) = (&mut subscribed.link, subscribed.views.uri());
        link.send_encoded(to, "casty.cluster.topology.TopologySnapshot", &encoded)
            .await;
        // One thread runs the client and this: it is not the one that reads.
        held.begun.notified().await;
        let_go.send(()).unwrap();
        subscribed.client.ready(LONG).await.unwrap();
    });
}

/// Returns limits that a view of one node is within.
fn tight(builder: ClientBuilder) -> ClientBuilder {
    let limits = Limits::new()
        .with_bytes(32 * 1024)
        .with_items(2_000)
        .with_depth(16);
    builder.limits(limits).max_inbound_frame(64 * 1024)
}

/// Returns a client with those limits that has its view, its connection, and an entity of the node.
async fn with_tight_limits(node: &mut Node) -> (ClusterClient, Link, EntityRef) {
    let builder = tight(builder(node, CODEC));
    let Subscribed {
        client,
        mut link,
        views,
    } = subscribed(node, builder, CODEC).await;
    link.send(&views, &view_of(node, 1)).await;
    client.ready(LONG).await.unwrap();
    let entity = client.entity_ref("r", 1).unwrap().entity("e");
    (client, link, entity)
}

/// Returns a list in a list, and so on.
fn nested(levels: usize) -> Value {
    (1..levels).fold(Value::from(0), |inner, _| Value::List(vec![inner].into()))
}

/// A message over one of the limits of [`tight`].
struct Over {
    message: Value,
    is_it: fn(&OverLimit) -> bool,
    setting: &'static str,
}

/// Returns a message over each limit.
fn over_each() -> [Over; 4] {
    [
        Over {
            message: Value::from("x".repeat(100_000)),
            is_it: |limit| {
                matches!(
                    limit,
                    OverLimit::Frame {
                        length: 100_000..,
                        max: 65_536
                    }
                )
            },
            setting: "max_inbound_frame",
        },
        Over {
            message: Value::from("x".repeat(40_000)),
            is_it: |limit| matches!(limit, OverLimit::Bytes { max: 32_768 }),
            setting: "limits.bytes",
        },
        Over {
            message: Value::List(vec![Value::from(0); 2_000].into()),
            is_it: |limit| matches!(limit, OverLimit::Items { max: 2_000 }),
            setting: "limits.items",
        },
        Over {
            message: nested(20),
            is_it: |limit| matches!(limit, OverLimit::Depth { max: 16 }),
            setting: "limits.depth",
        },
    ]
}

#[tokio::test]
async fn an_ask_whose_reply_is_over_a_limit_is_told_which_and_the_next_one_is_answered() {
    let mut node = Node::listen_over_tcp().await;
    let (client, mut link, entity) = with_tight_limits(&mut node).await;
    let get = |reply_to| Get { reply_to };
    for Over {
        message: reply,
        is_it,
        setting,
    } in over_each()
    {
        // Both wait at once, and the one with the sound reply is not disturbed.
        let (asked, other) = (entity.ask(get).within(LONG), entity.ask(get).within(LONG));
        let repeated = entity.ask(get).within(LONG).idempotent();
        let (asked, other, repeated) = tokio::join!(asked, other, async {
            let answered = async {
                for reply in [&reply, &Value::from(1), &reply] {
                    let got = link.next_to("/_region-r").await.unwrap();
                    let envelope: ShardEnvelope<Get> = got.decode();
                    link.send(&envelope.message.reply_to, reply).await;
                }
            };
            tokio::join!(repeated, answered).0
        });
        assert_eq!(other.unwrap(), Value::from(1));
        for refused in [asked, repeated] {
            let error = refused.unwrap_err();
            assert_eq!(error.fate(), Fate::Written);
            let text = chain(&error);
            assert!(
                text.contains(setting) && text.contains("raise it"),
                "{text}"
            );
            let AskError::ReplyOverLimit(limit) = error else {
                panic!("{error:?}");
            };
            assert!(is_it(&limit), "{limit:?}");
        }
    }
    let stats = client.stats();
    assert_eq!((stats.connections, stats.pending_asks), (1, 0));
}

#[tokio::test]
async fn a_reply_that_came_first_counts_though_one_over_the_limit_comes_right_behind_it() {
    let mut node = Node::listen_over_tcp().await;
    let (_client, mut link, entity) = with_tight_limits(&mut node).await;
    let asked = entity.ask(|reply_to| Get { reply_to }).within(LONG);
    let answered = async {
        let got = link.next_to("/_region-r").await.unwrap();
        let envelope: ShardEnvelope<Get> = got.decode();
        let to = envelope.message.reply_to.uri();
        // In one write, so that both are read at once.
        let mut both = link.encoded(to, "int", b"1");
        both.extend(link.encoded(to, "str", &vec![b'x'; 100_000]));
        link.raw(&both).await;
    };
    let (reply, ()) = tokio::join!(asked, answered);
    assert_eq!(reply.unwrap(), Value::from(1));
}

#[tokio::test]
async fn a_view_over_a_limit_is_told_which_and_a_shorter_one_is_taken_in() {
    let (warnings, _guard) = keep_warnings();
    for (shards, setting) in [
        (1_000, "max_inbound_frame"),
        (300, "limits.bytes"),
        (150, "limits.items"),
    ] {
        let mut node = Node::listen_over_tcp().await;
        let builder = tight(builder(&node, CODEC));
        let Subscribed {
            client,
            mut link,
            views,
        } = subscribed(&mut node, builder, CODEC).await;
        for _ in 0..3 {
            link.send(&views, &view_of(&node, shards)).await;
        }
        let error = client.ready(LONG).await.unwrap_err();
        assert!(
            matches!(error, ReadyError::ViewOverLimit { .. }),
            "{error:?}"
        );
        let text = chain(&error);
        assert!(
            text.contains(setting) && text.contains("raise it"),
            "{text}"
        );
        link.send(&views, &view_of(&node, 1)).await;
        let mut topology = client.topology();
        topology.wait_for(|_| true).await.unwrap();
        assert_eq!(client.stats().inbound_malformed, 3);
        let told = warnings.with(setting);
        assert_eq!(told, 1, "{setting}: {}", warnings.all());
    }
    assert_eq!(warnings.with("view refused"), 3, "{}", warnings.all());
}

#[tokio::test]
async fn a_message_for_an_actor_over_a_limit_is_told_and_the_next_one_is_handled() {
    let (warnings, _guard) = keep_warnings();
    let mut node = Node::listen_over_tcp().await;
    let builder = tight(builder(&node, CODEC));
    let Subscribed {
        client, mut link, ..
    } = subscribed(&mut node, builder, CODEC).await;
    let (sender, mut handled) = tokio::sync::mpsc::unbounded_channel();
    let handle = move |message: Value, _: ActorContext<Value>| {
        sender.send(message).unwrap();
        std::future::ready(())
    };
    let actor = client.spawn(handle, "a").unwrap().actor_ref();
    for Over { message, .. } in over_each() {
        link.send(&actor, &message).await;
        link.send(&actor, &message).await;
        link.send(&actor, &Value::from(1)).await;
        let sound = timeout(LONG, handled.recv()).await.unwrap();
        assert_eq!(sound, Some(Value::from(1)));
    }
    assert_eq!(client.stats().inbound_malformed, 8);
    // Each that is decoded is told; those with a frame over the limit, which any node may send as
    // fast as it likes, once for a connection.
    for (setting, times) in [("max_inbound_frame", 1), ("limits.items", 2)] {
        assert_eq!(warnings.with(setting), times, "{}", warnings.all());
    }
}
