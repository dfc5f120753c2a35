//! Distributed structures on fake nodes, through the client's handles.

use std::time::Duration;

use casty_client::{ClusterClient, Fate, StructureError, Value};
use casty_proto::Codec;
use casty_testkit::{Cluster, Structure};
use serde::{Deserialize, Serialize};

use crate::app::{LONG, Net, close_and_check};
use crate::over_both;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "bank.User")]
struct User {
    name: String,
    age: u8,
}

/// Starts nodes that host a structure of each kind.
async fn hosting(net: &Net) -> (Cluster, ClusterClient) {
    hosting_with(net, Codec::pickle().allowing(["*"]).unwrap()).await
}

async fn hosting_with(net: &Net, codec: Codec) -> (Cluster, ClusterClient) {
    let builder = Cluster::builder("test-cluster")
        .codec(codec)
        .transport(net.transport())
        .structure(Structure::counter("hits"))
        .structure(Structure::map("users"))
        .structure(Structure::set("tags").shards(7))
        .structure(Structure::queue("jobs"));
    let cluster = builder.start().await.unwrap();
    let client = net.client_builder(&cluster).allowed_classes(["*"]);
    let client = client.connect().await.unwrap();
    (cluster, client)
}

async fn a_counter_counts(net: Net) {
    let (cluster, client) = hosting(&net).await;
    let hits = client.distributed().counter("hits").unwrap();
    assert_eq!(hits.get().await.unwrap(), 0);
    assert_eq!(hits.increment(5).await.unwrap(), 5);
    assert_eq!(hits.clone().decrement(7).await.unwrap(), -2);
    assert_eq!(hits.get().await.unwrap(), -2);
    assert!(hits.destroy().await.unwrap());
    assert_eq!(hits.get().await.unwrap(), 0);
    assert_eq!((hits.name(), hits.entity().id()), ("hits", "hits"));
    close_and_check(&client).await;
    cluster.stop().await;
}

async fn a_map_holds_a_value_for_each_key(net: Net) {
    let (cluster, client) = hosting(&net).await;
    let users = client.distributed().map::<User>("users").unwrap();
    let user = |name: &str, age| User {
        name: name.to_owned(),
        age,
    };
    assert_eq!(users.get("ada").await.unwrap(), None);
    assert!(!users.contains("ada").await.unwrap());
    assert_eq!(users.put("ada", &user("Ada", 36)).await.unwrap(), None);
    let before = users.put("ada", &user("Ada", 37)).await.unwrap();
    assert_eq!(before, Some(user("Ada", 36)));
    assert_eq!(users.put(7, &user("Seven", 7)).await.unwrap(), None);
    assert_eq!(users.get("7").await.unwrap(), Some(user("Seven", 7)));
    assert_eq!(users.entity(7).id(), "users:7");
    assert!(users.contains("ada").await.unwrap());
    assert!(users.delete("ada").await.unwrap());
    assert!(!users.delete("ada").await.unwrap());
    assert_eq!(users.get("ada").await.unwrap(), None);
    close_and_check(&client).await;
    cluster.stop().await;
}

async fn a_set_has_each_member_once(net: Net) {
    let (cluster, client) = hosting(&net).await;
    let tags = client.distributed().shards(7).set::<String>("tags");
    let tags = tags.unwrap();
    let red = "red".to_owned();
    assert!(tags.add(&red).await.unwrap());
    assert!(!tags.add(&red).await.unwrap());
    assert!(tags.contains(&red).await.unwrap());
    assert_eq!(tags.size().await.unwrap(), 1);
    assert!(tags.remove(&red).await.unwrap());
    assert!(!tags.remove(&red).await.unwrap());
    assert!(!tags.contains(&red).await.unwrap());
    assert!(tags.add(&red).await.unwrap());
    assert!(tags.destroy().await.unwrap());
    assert_eq!(tags.size().await.unwrap(), 0);
    close_and_check(&client).await;
    cluster.stop().await;
}

async fn a_queue_gives_its_values_in_order_and_each_once(net: Net) {
    let (cluster, client) = hosting(&net).await;
    let jobs = client.distributed().queue::<u32>("jobs").unwrap();
    assert_eq!(jobs.dequeue().await.unwrap(), None);
    assert_eq!(jobs.peek().await.unwrap(), None);
    for number in 0..3 {
        jobs.enqueue(&number).await.unwrap();
    }
    assert_eq!(jobs.size().await.unwrap(), 3);
    assert_eq!(jobs.peek().await.unwrap(), Some(0));
    for number in 0..3 {
        assert_eq!(jobs.dequeue().await.unwrap(), Some(number));
    }
    assert_eq!(jobs.dequeue().await.unwrap(), None);
    jobs.enqueue(&7).await.unwrap();
    let texts = client.distributed().queue::<String>("jobs").unwrap();
    let wrong = texts.peek().await.unwrap_err();
    assert_eq!(wrong.fate(), Fate::Written, "{wrong}");
    assert!(jobs.destroy().await.unwrap());
    assert_eq!(jobs.size().await.unwrap(), 0);
    close_and_check(&client).await;
    cluster.stop().await;
}

async fn a_structure_that_no_node_hosts_is_named_in_time(net: Net) {
    let (cluster, client) = hosting(&net).await;
    let missing = client.distributed().within(Duration::from_millis(300));
    let missing = missing.counter("misses").unwrap();
    for error in [
        missing.get().await.unwrap_err(),
        missing.increment(1).await.unwrap_err(),
    ] {
        let StructureError::NotHosted { region, shards, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((&**region, *shards), ("d-counter-misses", 100));
        assert_eq!(error.fate(), Fate::NotSent, "{error:?}");
    }
    close_and_check(&client).await;
    cluster.stop().await;
}

async fn a_wrong_number_of_shards_is_refused_unless_it_is_allowed(net: Net) {
    let (cluster, client) = hosting(&net).await;
    let right = client.distributed().map::<Value>("users").unwrap();
    // So many that their shards reach beyond 10.
    for key in 0..20 {
        right.put(key, &Value::Int(key)).await.unwrap();
    }
    let other = net.client(&cluster).await;
    let settings = other.distributed().shards(10).within(LONG);
    let wrong = settings.map::<Value>("users").unwrap();
    let mut views = other.topology();
    let seen = views.wait_for(|view| {
        let shards = view.allocations("d-map-users");
        shards.is_some_and(|shards| shards.range(10..).next().is_some())
    });
    seen.await.unwrap();
    let refused = wrong.get(7).await.unwrap_err();
    let StructureError::WrongShards { region, shards, .. } = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!((&**region, *shards), ("d-map-users", 10));
    assert_eq!(refused.fate(), Fate::NotSent);
    let lenient = settings.shard_counts(casty_client::ShardCounts::Lenient);
    let lenient = lenient.map::<Value>("users").unwrap();
    lenient.get(7).await.unwrap();
    close_and_check(&client).await;
    close_and_check(&other).await;
    cluster.stop().await;
}

async fn every_serializer_carries_the_structures(net: Net) {
    for codec in [Codec::json(), Codec::msgpack(), Codec::protobuf()] {
        let (cluster, client) = hosting_with(&net, codec).await;
        let distributed = client.distributed();
        let users = distributed.map::<User>("users").unwrap();
        let user = User {
            name: "Ada".to_owned(),
            age: 36,
        };
        users.put("ada", &user).await.unwrap();
        assert_eq!(users.get("ada").await.unwrap(), Some(user.clone()));
        let jobs = distributed.queue::<User>("jobs").unwrap();
        jobs.enqueue(&user).await.unwrap();
        assert_eq!(jobs.dequeue().await.unwrap(), Some(user));
        assert_eq!(jobs.dequeue().await.unwrap(), None);
        let hits = distributed.counter("hits").unwrap();
        assert_eq!(hits.increment(2).await.unwrap(), 2);
        close_and_check(&client).await;
        cluster.stop().await;
    }
}

over_both! {
    a_counter_counts
    a_map_holds_a_value_for_each_key
    a_set_has_each_member_once
    a_queue_gives_its_values_in_order_and_each_once
    a_structure_that_no_node_hosts_is_named_in_time
    a_wrong_number_of_shards_is_refused_unless_it_is_allowed
    every_serializer_carries_the_structures
}
