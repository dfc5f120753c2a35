//! Clients that take a region for one of different numbers of shards.

use casty_client::ClusterClient;
use tokio::time::timeout;

use crate::app::{Counter, LONG, Net, SHARDS, close_and_check};
use crate::over_both;

/// Asks so many entities by a number of shards; each must answer.
async fn ask_all(client: &ClusterClient, shards: u32, entities: u32) {
    let region = client.entity_ref("counter", shards).unwrap();
    for number in 0..entities {
        let entity = region.entity(format!("entity-{number}"));
        let ask = entity.ask::<_, i64>(|reply_to| Counter::Get { reply_to });
        let answer = ask.within(LONG).await;
        assert_eq!(answer.unwrap(), 0, "{entity:?} of {shards}");
    }
}

/// Waits until a client sees that shards are allocated which the region does not have.
async fn contradicted(client: &ClusterClient) {
    let mut views = client.topology();
    let seen = views.wait_for(|view| {
        let shards = view.allocations("counter");
        shards.is_some_and(|shards| shards.range(SHARDS..).next().is_some())
    });
    timeout(LONG, seen).await.unwrap().unwrap();
}

async fn a_client_with_another_number_of_shards_stops_no_right_one(net: Net) {
    let (cluster, _) = net.counters().await;
    let right = net.client(&cluster).await;
    ask_all(&right, SHARDS, 60).await;
    let wrong = net.client(&cluster).await;
    ask_all(&wrong, 10 * SHARDS, 6).await;
    contradicted(&right).await;
    ask_all(&right, SHARDS, 60).await;
    let later = net.client(&cluster).await;
    contradicted(&later).await;
    ask_all(&later, SHARDS, 60).await;
    for (client, shards) in [(&right, SHARDS), (&later, SHARDS)] {
        let found = client
            .entity_ref("counter", shards)
            .unwrap()
            .contradiction();
        let found = found.expect("another program uses another number");
        assert_eq!((found.count.get(), found.resembles), (SHARDS, None));
        assert_eq!(client.stats().contradicted_regions, 1);
    }
    for client in [right, wrong, later] {
        close_and_check(&client).await;
    }
}

over_both! {
    a_client_with_another_number_of_shards_stops_no_right_one
}
