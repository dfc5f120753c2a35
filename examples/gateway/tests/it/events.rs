//! Streams of events: an account's pushes, through the loss of its node.

use std::time::Duration;

use hyper::Method;
use tokio::time::{interval, timeout};

use crate::LONG;
use crate::bank::{Books, bank};
use crate::gateway::Gateway;
use crate::http::{Answer, Events, post, request, send};

#[tokio::test]
async fn a_browser_sees_the_balance_and_each_change_and_the_end_when_the_gateway_stops() {
    let cluster = bank("events", &Books::default()).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "", "").await;
    let (mut alice, mut bob) = (
        Events::of(gateway.address, "alice").await,
        Events::of(gateway.address, "bob").await,
    );
    alice.until(0).await;
    bob.until(0).await;
    post(gateway.address, "/accounts/alice/deposits", 5).await;
    alice.until(5).await;
    post(gateway.address, "/accounts/alice/withdrawals", 3).await;
    alice.until(2).await;
    post(gateway.address, "/accounts/bob/deposits", 9).await;
    bob.until(9).await;
    let rest = tokio::spawn(async move { while alice.next().await.is_some() {} });
    let ended = gateway.stop().await;
    assert!(ended.answered && ended.report.drained, "{ended}");
    timeout(LONG, rest).await.expect("the stream ends").unwrap();
}

#[tokio::test]
async fn a_stream_goes_on_with_the_next_owner_when_the_accounts_node_dies() {
    let cluster = bank("survives", &Books::default()).start().await.unwrap();
    // So late that it does not help.
    let gateway = Gateway::start(&cluster, "renewal = '1h'", "").await;
    let mut events = Events::of(gateway.address, "alice").await;
    events.until(0).await;
    post(gateway.address, "/accounts/alice/deposits", 5).await;
    events.until(5).await;
    for _ in 0..2 {
        let owner = cluster.owner("account", "alice").unwrap();
        cluster.kill(owner).await;
        // It begins anew, and says so without being asked to.
        events.until(0).await;
        post(gateway.address, "/accounts/alice/deposits", 5).await;
        events.until(5).await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn an_account_is_told_when_the_browser_has_gone_and_its_place_is_free() {
    let books = Books::default();
    let cluster = bank("gone", &books).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "max_streams = 1", "").await;
    let mut events = Events::of(gateway.address, "alice").await;
    events.until(0).await;
    let more = || request(&Method::GET, "/accounts/alice/events", "");
    let refused = Answer::of(send(gateway.address, more()).await).await;
    assert_eq!((refused.status, refused.retry_after), (503, Some(1)));
    let mut followers = books.followers.subscribe();
    assert_eq!(*followers.borrow_and_update(), 1);
    drop(events);
    let forgotten = followers.wait_for(|followers| *followers == 0);
    timeout(LONG, forgotten).await.expect("it is told").unwrap();
    // Its actor ends after that.
    let again = async {
        let mut attempts = interval(Duration::from_millis(10));
        loop {
            attempts.tick().await;
            let response = send(gateway.address, more()).await;
            if response.status() == 200 {
                return Events::new(response);
            }
        }
    };
    let mut events = timeout(LONG, again).await.expect("its place is free");
    events.until(0).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_browser_that_does_not_read_misses_balances_but_not_the_last_one() {
    let cluster = bank("slow", &Books::default()).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "", "").await;
    let mut events = Events::of(gateway.address, "alice").await;
    events.until(0).await;
    let deposits = 20_000;
    for _ in 0..deposits {
        // Past HTTP, which would take long.
        let accounts = gateway.client.configured_region("account").unwrap();
        let deposit = casty_gateway::Deposit { amount: 1 };
        accounts.entity("alice").tell_wait(deposit).await.unwrap();
    }
    events.until(deposits).await;
    gateway.stop().await;
}
