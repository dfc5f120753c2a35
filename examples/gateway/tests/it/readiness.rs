//! The answers to probes as nodes go and come back.

use std::time::Duration;

use casty_client::{Health, HealthState};
use tokio::time::timeout;

use crate::LONG;
use crate::bank::{Books, bank};
use crate::gateway::Gateway;
use crate::http::get;

#[tokio::test]
async fn the_gateway_is_ready_while_any_node_is_there_and_lives_on_when_none_is() {
    // Deaths are noticed late, so that there is a time in between.
    let late = bank("probes", &Books::default()).detection(Duration::from_secs(2));
    let cluster = late.start().await.unwrap();
    let gateway = Gateway::start(&cluster, "", "").await;
    let mut watch = gateway.client.watch_health();
    let mut told = async |state: HealthState, ready: u16| {
        let wanted = |health: &Health| health.state == state;
        timeout(LONG, watch.wait_for(wanted))
            .await
            .unwrap_or_else(|_| panic!("it is not {state}"))
            .unwrap();
        let answer = get(gateway.probes, "/readyz").await;
        assert_eq!(answer.status, ready, "{answer:?}");
        assert!(answer.text.starts_with(state.as_str()), "{answer:?}");
        assert_eq!(get(gateway.probes, "/healthz").await.status, 200);
    };
    told(HealthState::Ready, 200).await;
    cluster.kill(1).await;
    told(HealthState::Degraded, 200).await;
    cluster.kill(0).await;
    cluster.kill(2).await;
    told(HealthState::Unavailable, 503).await;
    for node in 0..3 {
        cluster.restart(node).await.unwrap();
    }
    told(HealthState::Ready, 200).await;
    gateway.stop().await;
}
