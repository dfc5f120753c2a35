//! Asks as a `tower` service.

use std::time::Duration;

use casty_client::{ActorRef, AskError, Fate, PickError, PickedError, ServiceKey, TellError};
use casty_proto::message::ShardEnvelope;
use casty_transport::MemoryNetwork;
use serde::{Deserialize, Serialize};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::node::{actor, connected, in_paused_time};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
#[serde(rename = "m.Get")]
struct Get {
    reply_to: ActorRef<i64>,
    number: i64,
}

fn get(number: i64, reply_to: ActorRef<i64>) -> ShardEnvelope<Get, String> {
    ShardEnvelope::new(format!("e{number}"), Get { reply_to, number })
}

#[test]
fn calls_are_asks_that_send_at_once_and_end_each_with_its_reply() {
    in_paused_time(|| async {
        let (client, _node, mut link) = connected(&MemoryNetwork::new()).await;
        let region = client.region("r", 1).unwrap();
        let service = client.service(region, get);
        let mut service = ServiceBuilder::new().concurrency_limit(2).service(service);
        let mut replies = Vec::new();
        for number in 0..2 {
            replies.push(service.ready().await.unwrap().call(number));
        }
        // Bounded by the layer above; nothing of these was polled yet.
        let third = tokio::time::timeout(SECOND, service.ready()).await;
        assert!(third.is_err());
        for _ in 0..2 {
            let asked = link.next_to("/_region-r").await.unwrap();
            let ShardEnvelope { message, .. }: ShardEnvelope<Get> = asked.decode();
            link.send(&message.reply_to, &(10 + message.number)).await;
        }
        for (number, reply) in replies.into_iter().enumerate() {
            let expected = 10 + i64::try_from(number).unwrap();
            assert_eq!(reply.await.unwrap(), expected);
        }
        assert!(service.ready().await.is_ok());
    });
}

#[test]
fn entities_singletons_and_pickers_are_services_too() {
    in_paused_time(|| async {
        let (client, _node, mut link) = connected(&MemoryNetwork::new()).await;
        let message = |number, reply_to| Get { reply_to, number };
        let entity = client.region("r", 1).unwrap().entity("e");
        let reply = client.service(entity, message).call(1);
        let asked = link.next_to("/_region-r").await.unwrap();
        let ShardEnvelope { message: get, .. }: ShardEnvelope<Get> = asked.decode();
        link.send(&get.reply_to, &11).await;
        assert_eq!(reply.await.unwrap(), 11);

        let singleton = client.singleton::<Get>("numbers").unwrap();
        let reply = client.service(singleton, message).idempotent().call(2);
        let asked = link.next_to("/_singleton-numbers").await.unwrap();
        link.send(&asked.decode::<Get>().reply_to, &12).await;
        assert_eq!(reply.await.unwrap(), 12);

        let picker = client.picker(&ServiceKey::<Get>::new("numbers"));
        let mut service = client.service(picker, message).within(SECOND);
        let none: PickedError<AskError> = service.ready().await.unwrap().call(3).await.unwrap_err();
        assert_eq!(none.fate(), Fate::NotSent);
        let none = matches!(none, PickedError::NotPicked(PickError::NoInstance { .. }));
        assert!(none, "no node runs one");
    });
}

#[test]
fn a_call_tells_what_became_of_its_message_and_is_sent_again_only_if_told_so() {
    in_paused_time(|| async {
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let target: ActorRef<Get> = actor(&node, "/service");
        let once = client.service(target, |number, reply_to| Get { reply_to, number });
        let mut once = once.within(3 * SECOND);
        let mut again = once.clone().idempotent();
        let (first, second) = (once.call(1), again.call(2));
        let (first, second) = tokio::join!(first, second);
        for error in [first.unwrap_err(), second.unwrap_err()] {
            assert!(matches!(error, AskError::Timeout { .. }), "{error}");
            assert_eq!(error.fate(), Fate::Unknown, "{error}");
        }
        client.close(SECOND).await;
        let mut numbers = Vec::new();
        while let Some(asked) = link.next_to("/service").await {
            numbers.push(asked.decode::<Get>().number);
        }
        assert_eq!(numbers, [1, 2, 2, 2]);
        let closed = once.call(3).await;
        let told = matches!(closed, Err(AskError::Refused(TellError::Closed)));
        assert!(told, "{closed:?}");
    });
}
