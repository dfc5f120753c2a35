//! Members of sets, of which nodes must not be asked about some.

use casty_client::{AskError, Fate, ShardEnvelope, StructureError, Value};
use casty_proto::FrozenSet;
use casty_proto::message::structures::set::SetContains;
use casty_transport::MemoryNetwork;
use serde::Serialize;

use crate::keeper::{Keeper, told};
use crate::node::{in_paused_time, others_run};

#[test]
fn what_python_cannot_hash_is_refused_and_nothing_sent() {
    async fn refused<V: Serialize>(client: &casty_client::ClusterClient, member: V, class: &str) {
        let tags = client.distributed().shards(1).set::<V>("tags").unwrap();
        for refused in [
            tags.add(&member).await,
            tags.remove(&member).await,
            tags.contains(&member).await,
        ] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.fate(), Fate::NotSent);
            let StructureError::Unhashable { class: found } = refused else {
                panic!("{refused:?}");
            };
            assert_eq!(&*found, class);
        }
    }
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let view = told(&["n:1"], None);
        let (client, _keeper) = Keeper::connected(&network, ("n:1", &view), |it| it).await;
        refused(&client, vec![1], "builtins.list").await;
        refused(&client, (1, ("a", vec![2])), "builtins.list").await;
        let one = std::collections::BTreeMap::from([("a", 1)]);
        refused(&client, one, "builtins.dict").await;
        refused(&client, FrozenSet(vec![vec![1]]), "builtins.list").await;
        let value = Value::from_notation("[1]", &casty_proto::Limits::default());
        refused(&client, value.unwrap(), "builtins.list").await;
        others_run().await;
        assert_eq!(client.stats().accepted, 0);
    });
}

#[test]
fn a_set_is_asked_about_a_member_once() {
    in_paused_time(|| async {
        let network = MemoryNetwork::new();
        let mut view = told(&["n:1"], Some("n:1"));
        let shards = std::mem::take(&mut view.shard_allocations).into_values();
        view.shard_allocations = shards.map(|it| ("d-set-tags".into(), it)).collect();
        let (client, mut keeper) = Keeper::connected(&network, ("n:1", &view), |it| it).await;
        let tags = client.distributed().shards(1).set::<(i32, String)>("tags");
        let tags = tags.unwrap();
        let asking = tokio::spawn(async move { tags.contains(&(1, "a".to_owned())).await });
        let asked = keeper.link.next_to("/_region-d-set-tags").await.unwrap();
        let asked: ShardEnvelope<SetContains<(i32, String)>> = asked.decode();
        assert_eq!(asked.message.value, (1, "a".to_owned()));
        // The node has ended the set over it, as far as anybody knows.
        let _node = keeper.cut_off();
        let lost = asking.await.unwrap().unwrap_err();
        assert!(
            matches!(
                lost,
                StructureError::Ask(AskError::Lost { attempts: 1, .. })
            ),
            "{lost:?}"
        );
    });
}
