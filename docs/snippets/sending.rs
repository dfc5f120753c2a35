//! docs/guide/src/sending.md

block!("sending_1");

mod run {
    use super::*;
    use crate::nodes::{bank, client, lost_client};

    #[tokio::test]
    async fn a_deposit_waits_for_capacity_and_is_refused_without() {
        let nodes = bank().start().await.unwrap();
        let connected = client(&nodes).await;
        let alice = connected.region("account", 100).unwrap().entity("alice");
        deposit(&alice, Deposit { amount: 5 }).await.unwrap();

        let lost = lost_client().await;
        let alice = lost.region("account", 100).unwrap().entity("alice");
        deposit(&alice, Deposit { amount: 5 }).await.unwrap();
        let full = deposit(&alice, Deposit { amount: 5 }).await.unwrap_err();
        assert!(full.is_back_pressure(), "{full}");
    }
}
