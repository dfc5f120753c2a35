//! docs/guide/src/services.md

mod lookup {
    block!("services_1");

    mod run {
        use casty_testkit::{Cluster, Context};
        use serde::Deserialize;
        use tokio::sync::mpsc;

        use super::*;
        use crate::nodes::{LONG, client};

        /// The message as a node reads it: `Greet`.
        #[derive(Deserialize)]
        #[serde(rename = "hello.Greet")]
        struct Greeted {
            name: String,
            reply_to: ActorRef<String>,
        }

        #[tokio::test]
        async fn both_are_greeted_and_the_listings_end_with_the_client() {
            let (names, mut greeted) = mpsc::channel(2);
            let greet = move |greet: Greeted, context: &mut Context<'_>| {
                context.reply(&greet.reply_to, &format!("Hello, {}!", greet.name));
                names.try_send(greet.name).unwrap_or_default();
            };
            let nodes = Cluster::builder("my-cluster").service("greeter", greet);
            let nodes = nodes.start().await.unwrap();
            let client = client(&nodes).await;
            let close = async {
                assert_eq!(greeted.recv().await.as_deref(), Some("Ada"));
                assert_eq!(greeted.recv().await.as_deref(), Some("Alan"));
                client.close(LONG).await;
            };
            let both = async { tokio::join!(greet_all(&client), close) };
            tokio::time::timeout(LONG, both).await.unwrap().0.unwrap();
        }
    }
}

mod paths {
    block!("services_2");

    mod run {
        use casty_testkit::{Context, stateful};
        use serde::Deserialize;

        use super::*;
        use crate::nodes::{bank, client};

        /// The message as a node reads it: `GetCount`.
        #[derive(Deserialize)]
        #[serde(rename = "office.GetCount")]
        struct Counted {
            reply_to: ActorRef<u64>,
        }

        #[tokio::test]
        async fn singletons_broadcasts_and_actors_of_a_node_are_asked() {
            let numbers = |(): &mut (), counted: Counted, context: &mut Context<'_>| {
                context.reply(&counted.reply_to, &7);
            };
            let actor = |counted: Counted, context: &mut Context<'_>| {
                context.reply(&counted.reply_to, &8);
            };
            let nodes = bank()
                .singleton("numbers", stateful(|| (), numbers))
                .broadcast("cache", actor)
                .actor_on(1, "worker", actor);
            let nodes = nodes.start().await.unwrap();
            let client = client(&nodes).await;
            count(&client, &nodes.address(1).unwrap()).await.unwrap();
            // There is a worker on one node only.
            count(&client, &nodes.address(0).unwrap())
                .await
                .unwrap_err();
        }
    }
}

mod actors {
    block!("services_3");

    mod run {
        use std::time::Duration;

        use casty_testkit::{Cluster, Context};
        use serde::Serialize;

        use super::*;
        use crate::nodes::{LONG, client};

        /// Asks a node to send the meter two messages.
        #[derive(Serialize, Deserialize)]
        #[serde(rename = "meter.Measure")]
        struct Measure {
            meter: ActorRef<Sent>,
            reply_to: ActorRef<i64>,
        }

        /// The messages that the node sends to the meter.
        #[derive(Serialize)]
        enum Sent {
            #[serde(rename = "meter.Add")]
            Add { amount: i64 },
            #[serde(rename = "meter.Get")]
            Get { reply_to: ActorRef<i64> },
        }

        #[tokio::test]
        async fn the_meter_adds_up_and_ends_with_the_client() {
            let measuring = |asked: Measure, context: &mut Context<'_>| {
                context.reply(&asked.meter, &Sent::Add { amount: 2 });
                let reply_to = asked.reply_to;
                context.reply(&asked.meter, &Sent::Get { reply_to });
            };
            let nodes = Cluster::builder("my-cluster").actor_on(0, "measuring", measuring);
            let nodes = nodes.start().await.unwrap();
            let client = client(&nodes).await;
            let running = tokio::spawn({
                let client = client.clone();
                async move { measure(&client).await }
            });
            let own = client.actor("own").spawn(Meter::default).unwrap();
            let meter = own.actor().actor_ref().cast::<Sent>();
            let node = client
                .actor_on(&nodes.address(0).unwrap(), "measuring")
                .unwrap();
            let measured = node.ask(|reply_to| Measure { meter, reply_to });
            let sum: i64 = measured.within(Duration::from_secs(10)).await.unwrap();
            assert_eq!(sum, 2);
            client.close(LONG).await;
            tokio::time::timeout(LONG, running)
                .await
                .unwrap()
                .unwrap()
                .unwrap();
        }
    }
}
