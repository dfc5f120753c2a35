//! Asks that no reply could reach, because their message does not say where to.

use std::collections::BTreeMap;
use std::time::Duration;

use casty_client::{ActorRef, AskError, Codec, Fate, ShardEnvelope};
use casty_transport::MemoryNetwork;
use serde::{Serialize, Serializer};

use crate::node::{builder, connected, in_paused_time};

/// A message that forgets the reference.
#[derive(Serialize)]
#[serde(rename = "bank.GetBalance")]
struct Forgetful {
    of: &'static str,
    /// Of another actor.
    beside: ActorRef<i32>,
}

/// A message that has the reference as text.
#[derive(Serialize)]
#[serde(rename = "bank.GetBalance")]
struct Textual {
    reply_to: String,
}

/// A message that has the reference, and writes it in a way of its own.
#[derive(Serialize)]
#[serde(rename = "bank.GetBalance")]
struct Reversed {
    #[serde(serialize_with = "reversed")]
    reply_to: ActorRef<i32>,
}

fn reversed<S: Serializer>(reply_to: &ActorRef<i32>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&reply_to.uri().chars().rev().collect::<String>())
}

#[test]
fn an_ask_whose_message_holds_no_reference_to_reply_to_is_refused_at_the_call() {
    in_paused_time(|| async {
        for codec in [
            Codec::json(),
            Codec::msgpack(),
            #[cfg(feature = "pickle")]
            Codec::pickle(),
            #[cfg(feature = "zlib")]
            Codec::json().compressed(casty_client::Compression::Zlib),
        ] {
            let client = builder(&MemoryNetwork::new(), "n:1").codec(codec);
            let client = client.connect().await.unwrap();
            let other = ActorRef::<i32>::new("casty://s@n:1/a").unwrap();
            let forgetful = |_: ActorRef<i32>| Forgetful {
                of: "alice",
                beside: other.clone(),
            };
            let entity = client.entity_ref("r", 1).unwrap().entity("e");
            let actor = |at: &str| {
                let actor = ActorRef::<Forgetful>::new(format!("casty://s@{at}/a"));
                client.bind(actor.unwrap())
            };
            let (actor, own) = (actor("n:1"), actor(&client.identity().to_string()));
            for refused in [
                entity.ask(forgetful).await,
                entity.ask(forgetful).idempotent().await,
                actor.ask(forgetful).await,
                own.ask(forgetful).await,
            ] {
                let error = refused.unwrap_err();
                assert!(matches!(error, AskError::NoReplyTo), "{error:?}");
                assert_eq!(error.fate(), Fate::NotSent);
            }
            let stats = client.stats();
            assert_eq!((stats.accepted, stats.pending_asks), (0, 0));

            // Whoever reads the text may make a reference of it.
            let textual = entity.ask(|reply_to: ActorRef<i32>| Textual {
                reply_to: reply_to.uri().to_owned(),
            });
            let unanswered = textual.within(Duration::from_millis(50)).await;
            assert!(
                matches!(
                    unanswered,
                    Err(AskError::NotSent(_) | AskError::Timeout { .. })
                ),
                "{unanswered:?}"
            );
            client.close(Duration::ZERO).await;
        }
    });
}

#[test]
fn a_message_that_has_the_reference_may_write_it_as_it_likes() {
    in_paused_time(|| async {
        let (client, _node, mut link) = connected(&MemoryNetwork::new()).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask(|reply_to| Reversed { reply_to });
        let answering = async {
            let asked = link.next_to("/_region-r").await.unwrap();
            let asked: ShardEnvelope<BTreeMap<String, String>> = asked.decode();
            let uri: String = asked.message["reply_to"].chars().rev().collect();
            link.send(&ActorRef::new(uri).unwrap(), &7).await;
        };
        let (answer, ()) = tokio::join!(ask.into_future(), answering);
        assert_eq!(answer.unwrap(), 7);
    });
}
