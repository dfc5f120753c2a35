//! docs/guide/src/production.md

mod health {
    block!("production_1");

    mod run {
        use std::time::Duration;

        use super::*;
        use crate::nodes::{LONG, bank, client};

        #[tokio::test]
        async fn health_is_followed_until_the_client_is_closed() {
            // Nodes that do not notice that one is dead, so that the health stays as it is then.
            let nodes = bank()
                .detection(Duration::from_hours(1))
                .start()
                .await
                .unwrap();
            let client = client(&nodes).await;
            let mut health = client.watch_health();
            let following = tokio::spawn(follow(client.clone()));
            nodes.kill(2).await;
            health
                .wait_for(|now| {
                    now.to_string()
                        .starts_with("degraded: 2 of 3 members usable, view ")
                })
                .await
                .unwrap();
            client.close(LONG).await;
            tokio::time::timeout(LONG, following)
                .await
                .unwrap()
                .unwrap();
        }
    }
}

mod traces {
    block!("production_2");

    mod run {
        use casty_client::ActorRef;
        use casty_testkit::{Cluster, Context, stateful};

        use super::*;
        use crate::nodes::LONG;

        const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

        #[tokio::test]
        async fn a_node_is_sent_the_trace_of_the_program() {
            let told = |(): &mut (), asked: ActorRef<String>, context: &mut Context<'_>| {
                let parent = context.trace_parent().map(|parent| parent.to_string());
                context.reply(&asked, &parent.unwrap_or_default());
            };
            let nodes = Cluster::builder("my-cluster").region("told", 10, stateful(|| (), told));
            let nodes = nodes.start().await.unwrap();
            let builder = traced(|| PARENT.parse().ok()).contact_points(nodes.contact_points());
            let client = builder.connect().await.unwrap();
            let entity = client.region("told", 10).unwrap().entity("a");
            let ask = entity
                .ask(|reply_to: ActorRef<String>| reply_to)
                .within(LONG);
            let parent = ask.await.unwrap();
            // Of the same trace, and perhaps of a span of its own.
            assert_eq!(parent.split('-').nth(1), PARENT.split('-').nth(1));
        }
    }
}

mod numbers {
    block!("production_3");

    mod run {
        use super::*;
        use crate::nodes::lost_client;

        #[tokio::test]
        async fn numbers_are_printed_without_a_cluster() {
            let client = lost_client().await;
            print(&client);
            assert!(client.stats().iter().count() > 10);
        }
    }
}

mod pushes {
    block!("production_4");

    mod run {
        use casty_testkit::{Cluster, Context, stateful};

        use super::*;
        use crate::nodes::{LONG, client};

        /// The messages that a stock understands.
        #[derive(Deserialize)]
        enum Message {
            #[serde(rename = "prices.Follow")]
            Follow { to: ActorRef<Pushed> },
            #[serde(rename = "prices.Followed")]
            Followed { reply_to: ActorRef<bool> },
        }

        /// The price that it pushes.
        #[derive(Serialize)]
        #[serde(rename = "prices.Price")]
        struct Pushed {
            value: f64,
        }

        /// Asks whether anybody follows a stock.
        #[derive(Serialize)]
        #[serde(rename = "prices.Followed")]
        struct Followed {
            reply_to: ActorRef<bool>,
        }

        #[tokio::test]
        async fn pushes_reach_the_actor_that_follows() {
            let push = |followed: &mut bool, message, context: &mut Context<'_>| match message {
                Message::Follow { to } => {
                    context.reply(&to, &Pushed { value: 9.5 });
                    *followed = true;
                }
                Message::Followed { reply_to } => context.reply(&reply_to, followed),
            };
            let nodes =
                Cluster::builder("my-cluster").region("stock", 10, stateful(|| false, push));
            let nodes = nodes.start().await.unwrap();
            let client = client(&nodes).await;
            let stock = client.region("stock", 10).unwrap().entity("a");
            // Sent behind the page's message, so its reply comes behind the price.
            let pushed = async {
                let ask = stock.ask(|reply_to| Followed { reply_to }).within(LONG);
                assert!(ask.await.unwrap());
                client.close(LONG).await
            };
            let report = tokio::select! {
                biased;
                ended = follow(&client, &stock) => panic!("{ended:?}"),
                report = pushed => report,
            };
            // The actor had a mailbox for it, and could read it.
            assert_eq!(
                (report.stats.inbound_dropped, report.stats.inbound_malformed),
                (0, 0)
            );
        }
    }
}
