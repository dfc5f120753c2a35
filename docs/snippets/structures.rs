//! docs/guide/src/structures.md

block!("structures_1");

mod run {
    use casty_testkit::{ClusterBuilder, Structure};

    use super::*;
    use crate::nodes::{bank, client};

    #[tokio::test]
    async fn structures_are_changed_and_the_lock_is_free_again() {
        let structures = [
            Structure::counter("hits"),
            Structure::map("users"),
            Structure::queue("jobs"),
            Structure::lock("nightly"),
        ];
        let nodes = structures
            .into_iter()
            .fold(bank(), ClusterBuilder::structure);
        let nodes = nodes.start().await.unwrap();
        let client = client(&nodes).await;
        // The second one would wait for a lock that the first had kept.
        share(&client).await.unwrap();
        share(&client).await.unwrap();
        let shared = client.distributed();
        assert_eq!(shared.counter("hits").unwrap().get().await.unwrap(), 2);
        let users = shared.map::<String>("users").unwrap();
        assert_eq!(users.get("alice").await.unwrap().as_deref(), Some("Alice"));
    }
}
