//! Sets of fake nodes, and members that Python cannot hash.

use std::time::Duration;

use casty_client::{AskError, StructureError};
use casty_proto::message::structures::set::SetContains;
use casty_testkit::{Cluster, Structure};

use crate::app::{Net, close_and_check};
use crate::over_both;

async fn a_member_that_python_cannot_hash_ends_the_set(net: Net) {
    let builder = Cluster::builder("test-cluster")
        .transport(net.transport())
        .structure(Structure::set("tags"));
    let cluster = builder.start().await.unwrap();
    let client = net.client(&cluster).await;
    let tags = client.distributed().set::<(String, u8)>("tags").unwrap();
    assert!(tags.add(&("red".to_owned(), 1)).await.unwrap());
    // A handle sends no such thing.
    let lists = client.distributed().set::<Vec<u8>>("tags").unwrap();
    let refused = lists.contains(&vec![1]).await.unwrap_err();
    assert!(matches!(refused, StructureError::Unhashable { .. }));
    assert_eq!(tags.size().await.unwrap(), 1);
    let ask = |reply_to| SetContains {
        value: vec![1],
        reply_to,
    };
    let unanswered = tags.entity().ask(ask).within(Duration::from_millis(100));
    let unanswered = unanswered.await.unwrap_err();
    assert!(matches!(unanswered, AskError::Timeout { .. }));
    assert_eq!(tags.size().await.unwrap(), 0);
    close_and_check(&client).await;
    cluster.stop().await;
}

over_both! {
    a_member_that_python_cannot_hash_ends_the_set
}
