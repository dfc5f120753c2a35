//! Messages that are not sent: what is said of them, and how they are counted.

use std::time::Duration;

use casty_client::{ActorRef, BufferLimits, Loss, NotSent, ShardEnvelope, TellError};
use casty_transport::MemoryNetwork;

use crate::node::{Node, assert_conserved, builder, in_paused_time, others_run};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_waited_for_its_route_and_was_sent_is_counted_once() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        for number in 0..3 {
            entity.tell(number).unwrap();
        }
        let mut node = Node::listen(&network, "n:1").await;
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        entity.tell(3).unwrap();
        for _ in 0..4 {
            link.next_to("/_region-r").await.unwrap();
        }
        let region = client.region_stats().swap_remove(0);
        assert_eq!((region.accepted, region.written), (4, 4));
        assert_eq!((region.buffered, region.queued, region.not_sent), (0, 0, 0));
    });
}

#[test]
fn what_comes_back_from_a_lost_connection_and_finds_no_room_is_said_to_have_found_none() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").buffer(BufferLimits::default().messages(4));
        let client = client.connect().await.unwrap();
        let link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let mut letters = client.dead_letters();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        for _ in 0..20 {
            entity.tell("-".repeat(10_000)).unwrap();
        }
        others_run().await;
        drop(link);
        others_run().await;
        let stats = client.stats();
        assert!(stats.buffered <= 4 && stats.not_sent > 4, "{stats:?}");
        for _ in 0..stats.not_sent {
            let loss = loop {
                match letters.recv().await.unwrap().loss.clone() {
                    Loss::InFlight { .. } => {}
                    loss => break loss,
                }
            };
            assert_eq!(loss, Loss::NotSent(NotSent::BufferFull));
        }
        assert_conserved(&client.close(Duration::ZERO).await);
    });
}

#[test]
fn an_ask_that_is_dropped_while_it_waits_for_its_route_is_not_sent() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let client = builder(&network, "n:1").connect().await.unwrap();
        let mut letters = client.dead_letters();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask::<_, i32>(|reply_to: ActorRef<i32>| reply_to);
        drop(ask.send());
        entity.tell(7).unwrap();
        assert_eq!(client.stats().buffered, 2);
        let mut node = Node::listen(&network, "n:1").await;
        let mut link = node.accept_and_tell().await;
        let told = link.next_to("/_region-r").await.unwrap();
        assert_eq!(told.decode::<ShardEnvelope<i32>>().message, 7);
        let letter = letters.recv().await.unwrap();
        assert_eq!(letter.loss, Loss::NotSent(NotSent::Abandoned));
        assert!(letter.ask);
    });
}

#[test]
fn a_message_may_be_as_long_as_a_frame_and_no_longer_though_it_waits_for_its_route() {
    in_paused_time(|| async {
        let client = builder(&MemoryNetwork::new(), "n:1").max_frame(8_192);
        let client = client.connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let Err(TellError::TooLong { length, limit }) = entity.tell("-".repeat(10_000)) else {
            panic!("it is longer");
        };
        let fits = 10_000 + limit - length;
        assert_eq!(entity.tell("-".repeat(fits)), Ok(()));
        let longer = entity.tell("-".repeat(fits + 1));
        let length = limit + 1;
        assert_eq!(longer, Err(TellError::TooLong { length, limit }));
        assert_eq!(client.stats().buffered, 1);
    });
}

#[test]
fn one_ask_more_than_may_wait_is_refused_with_the_limit() {
    in_paused_time(|| async {
        let client = builder(&MemoryNetwork::new(), "n:1").pending_asks(2);
        let client = client.connect().await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = || {
            let ask = entity.ask::<_, i32>(|reply_to: ActorRef<i32>| reply_to);
            ask.send()
        };
        let _waiting = [ask(), ask()];
        let error = ask().await.unwrap_err();
        assert!(
            matches!(error, casty_client::AskError::TooManyAsks { limit: 2 }),
            "{error:?}"
        );
    });
}
