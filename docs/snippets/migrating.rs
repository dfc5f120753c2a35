//! docs/guide/src/migrating.md

mod connect {
    block!("migrating_1");

    mod run {
        use super::*;
        use crate::nodes::{bank, stand_in};

        #[tokio::test]
        async fn the_same_steps_as_in_python_connect_and_close() {
            let nodes = bank().start().await.unwrap();
            stand_in(&nodes);
            connected().await.unwrap();
        }
    }
}

mod messages {
    block!("migrating_2");

    mod run {
        use super::*;
        use crate::nodes::{bank, client};

        #[tokio::test]
        async fn nodes_read_the_classes_by_their_names() {
            let nodes = bank().start().await.unwrap();
            let client = client(&nodes).await;
            let alice = client.region("account", 100).unwrap().entity("alice");
            alice.tell(Deposit { amount: 5 }).unwrap();
            let balance: i64 = alice.ask(|reply_to| GetBalance { reply_to }).await.unwrap();
            assert_eq!(balance, 5);
        }
    }
}
