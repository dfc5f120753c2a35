//! docs/guide/src/operating.md

block!("operating_1");

mod run {
    use super::*;
    use crate::nodes::{LONG, bank, client};

    #[tokio::test]
    async fn a_member_that_is_dead_is_told_to_be_so_and_a_living_one_is_not() {
        // Nodes that notice nothing by themselves.
        let nodes = bank()
            .detection(Duration::from_hours(1))
            .start()
            .await
            .unwrap();
        let client = client(&nodes).await;
        let node = nodes.address(2).unwrap();
        heal(&client, &node).await.unwrap_err();
        nodes.kill(2).await;
        heal(&client, &node).await.unwrap();
        client.close(LONG).await;
    }
}
