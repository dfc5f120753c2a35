//! docs/guide/src/asking.md

block!("asking_1");

mod run {
    use super::*;
    use crate::nodes::{bank, client};

    #[derive(Serialize)]
    #[serde(rename = "bank.Deposit")]
    struct Deposit {
        amount: i64,
    }

    #[tokio::test]
    async fn an_idempotent_ask_is_answered_by_the_next_owner_as_well() {
        let nodes = bank().start().await.unwrap();
        let client = client(&nodes).await;
        let alice = client.region("account", 100).unwrap().entity("alice");
        alice.tell(Deposit { amount: 5 }).unwrap();
        assert_eq!(balance(&alice).await.unwrap(), 5);
        nodes.kill(nodes.owner("account", "alice").unwrap()).await;
        // Its state went with its node.
        assert_eq!(balance(&alice).await.unwrap(), 0);
    }
}
