//! The health of a client as a stream.

use std::time::Duration;

use casty_client::HealthState;
use casty_transport::MemoryNetwork;
use tokio::time::timeout;
use tokio_stream::StreamExt;

use crate::node::{connected, in_paused_time, others_run};

const LONG: Duration = Duration::from_mins(1);

#[test]
fn the_stream_of_the_health_says_each_change_once_and_ends_after_the_close() {
    in_paused_time(|| async {
        let (client, mut node, link) = connected(&MemoryNetwork::new()).await;
        others_run().await;
        let mut health = client.watch_health();
        assert_eq!(health.next().await.unwrap().state, HealthState::Ready);
        // Views of nothing new, or silence, are no change.
        let unchanged = timeout(Duration::from_secs(1), health.next()).await;
        assert!(unchanged.is_err(), "{unchanged:?}");
        drop(link);
        let lost = timeout(LONG, health.next()).await.unwrap().unwrap();
        assert_eq!(lost.state, HealthState::Unavailable);
        assert_eq!(lost.members_usable, 0);
        let link = node.accept_and_tell().await;
        let mut back = health.current();
        while back.state != HealthState::Ready {
            back = timeout(LONG, health.next()).await.unwrap().unwrap();
        }
        let closing = client.close(Duration::from_secs(1));
        let (_, states) = tokio::join!(closing, async {
            let mut states = Vec::new();
            while let Some(health) = timeout(LONG, health.next()).await.unwrap() {
                states.push(health.state);
            }
            states
        });
        assert_eq!(states, [HealthState::Closed]);
        assert!(health.next().await.is_none());
        assert!(health.changed().await.is_err());
        drop(link);
    });
}
