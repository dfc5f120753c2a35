//! docs/guide/src/connecting.md

mod connect {
    block!("connecting_1");

    mod run {
        use super::*;
        use crate::nodes::{bank, stand_in};

        #[tokio::test]
        async fn the_client_has_a_view_once_it_is_ready() {
            let nodes = bank().start().await.unwrap();
            stand_in(&nodes);
            let client = connected().await.unwrap();
            assert!(client.health().is_ready());
        }
    }
}

mod discovery {
    block!("connecting_2");

    mod run {
        use std::time::Duration;

        use super::*;

        #[tokio::test]
        async fn a_source_that_names_nobody_is_told() {
            let client = find().await.unwrap();
            client.ready(Duration::from_millis(200)).await.unwrap_err();
            let failure = client.discovery_failure().unwrap().to_string();
            assert!(failure.ends_with("found none"), "{failure}");
        }
    }
}
