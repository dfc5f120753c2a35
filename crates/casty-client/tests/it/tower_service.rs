//! Asks as a `tower` service.

use std::time::Duration;

use casty_client::{ActorRef, AskError, Fate, TellError};
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
