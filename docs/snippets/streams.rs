//! docs/guide/src/streams.md

block!("streams_1");

mod run {
    use casty_client::ServiceKey;
    use casty_testkit::{Cluster, Consume};
    use tokio::sync::mpsc;

    use super::*;
    use crate::nodes::{LONG, client};

    #[tokio::test]
    async fn each_price_is_halved_and_then_the_stream_ends() {
        let (halved, mut halves) = mpsc::channel(8);
        let nodes = Cluster::builder("my-cluster")
            .stream_on(0, "prices", || [8.0, 3.0].into_iter())
            .stream_consumer_on(0, "screen", move |half: Option<f64>, _| {
                halved.try_send(half).unwrap_or_default();
            });
        let nodes = nodes.start().await.unwrap();
        let client = client(&nodes).await;
        let prices = ServiceKey::<StreamProducerMessage<f64>>::new("prices");
        let prices = client.lookup_wait(&prices, LONG).await.unwrap();
        let screen = ServiceKey::<Consume<f64>>::new("screen");
        let screen = client.lookup_wait(&screen, LONG).await.unwrap();
        // The producer that the page's function makes has the name `halves`.
        let other = client.stream_producer::<f64>("other").unwrap();
        let uri = other.actor_ref().uri().replace("other", "halves");
        let producer = ActorRef::new(uri).unwrap();

        let price = prices.instances[0].actor.actor_ref();
        let shown = async { screen.instances[0].actor.tell(Consume { producer }) };
        let both = async { tokio::join!(halve(&client, &price), shown) };
        let (halve, shown) = tokio::time::timeout(LONG, both).await.unwrap();
        shown.unwrap();
        halve.unwrap();
        for expected in [Some(4.0), Some(1.5), None] {
            assert_eq!(halves.recv().await.unwrap(), expected);
        }
    }
}
