//! docs/guide/src/back-pressure.md

block!("back_pressure_1");

mod run {
    use casty_testkit::{Cluster, Context, stateful};

    use super::*;
    use crate::nodes::{LONG, client, lost_client};

    #[tokio::test]
    async fn a_gateway_says_what_became_of_an_item() {
        let cart = stateful(
            || 0,
            |sum: &mut u64, item: u64, _: &mut Context<'_>| *sum += item,
        );
        let nodes = Cluster::builder("my-cluster").region("cart", 10, cart);
        let nodes = nodes.start().await.unwrap();
        let connected = client(&nodes).await;
        let accepting = connected.region("cart", 10).unwrap().entity("c1");
        assert_eq!(take(&accepting, 7), (202, None));
        connected.close(LONG).await;
        assert_eq!(take(&accepting, 7), (503, None));

        let lost = lost_client().await;
        let full = lost.region("cart", 10).unwrap().entity("c1");
        assert_eq!(take(&full, 7), (202, None));
        let (status, pause) = take(&full, 7);
        assert_eq!(status, 429);
        assert!(pause.unwrap() >= 1);
    }
}
