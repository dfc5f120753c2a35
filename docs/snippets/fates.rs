//! docs/guide/src/fates.md

mod letters {
    block!("fates_1");

    mod run {
        use super::*;
        use crate::nodes::{LONG, lost};

        #[tokio::test]
        async fn dead_letters_are_logged_until_the_client_is_closed() {
            let client = lost(|builder| builder).await;
            let mut letters = client.dead_letters();
            let log = tokio::spawn({
                let client = client.clone();
                async move { log_dead_letters(&client).await }
            });
            client
                .region("account", 100)
                .unwrap()
                .entity("alice")
                .tell(5)
                .unwrap();
            client.close(std::time::Duration::ZERO).await;
            assert_eq!(letters.recv().await.unwrap().message_type, "i32");
            tokio::time::timeout(LONG, log).await.unwrap().unwrap();
        }
    }
}

mod kinds {
    block!("fates_2");

    mod run {
        use std::time::Duration;

        use casty_client::ActorRef;

        use super::*;
        use crate::nodes::{LONG, lost_client};

        #[tokio::test]
        async fn each_kind_of_error_is_a_status() {
            let client = lost_client().await;
            let alice = client.region("account", 100).unwrap().entity("alice");
            let ask = alice.ask(|reply_to: ActorRef<i64>| reply_to);
            let unsent = ask.within(Duration::from_millis(50)).await.unwrap_err();
            assert_eq!(status(&unsent.into()), 503);
            alice.tell(1).unwrap();
            assert_eq!(status(&alice.tell(2).unwrap_err().into()), 429);
            client.close(LONG).await;
            assert_eq!(status(&alice.tell(3).unwrap_err().into()), 503);
        }
    }
}
