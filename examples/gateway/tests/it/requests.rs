//! Requests, and what becomes of them when something is wrong.

use std::time::Duration;

use hyper::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::LONG;
use crate::bank::{Books, GARBLED, SILENT, bank};
use crate::gateway::Gateway;
use crate::http::{Answer, Events, get, post, request, send};

#[tokio::test]
async fn deposits_withdrawals_and_balances_go_to_the_entities_and_all_is_written_in_the_end() {
    let cluster = bank("requests", &Books::default()).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "", "").await;
    let at = gateway.address;
    assert_eq!(post(at, "/accounts/alice/deposits", 7).await.status, 202);
    // Of another connection, but of one client, to one entity: in order.
    let answer = post(at, "/accounts/alice/withdrawals", 2).await;
    assert_eq!((answer.status, answer.field("balance")), (200, 5.into()));
    let answer = get(at, "/accounts/alice").await;
    assert_eq!((answer.status, answer.field("balance")), (200, 5.into()));
    let answer = post(at, "/accounts/alice/withdrawals", 6).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.field("error"), "insufficient");
    assert_eq!(get(at, "/accounts/b%20ob").await.field("balance"), 0);
    let ended = gateway.stop().await;
    assert!(ended.answered && ended.report.drained, "{ended}");
    assert!(ended.report.is_conserved());
    let text = "all requests were answered; messages: 5 written, 0 not sent, 0 unknown";
    assert_eq!(ended.to_string(), text);
}

#[tokio::test]
async fn a_request_that_is_wrong_is_refused_before_anything_is_sent() {
    let cluster = bank("wrong", &Books::default()).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "", "").await;
    let long = format!("/accounts/{}", "x".repeat(129));
    let much = format!("{{\"amount\": 1{}}}", " ".repeat(5_000));
    for (method, path, body, status) in [
        (Method::POST, "/accounts/a/deposits", "{\"amount\": 0}", 422),
        (
            Method::POST,
            "/accounts/a/deposits",
            "{\"amount\": -1}",
            422,
        ),
        (Method::POST, "/accounts/a/withdrawals", "{}", 422),
        (Method::POST, "/accounts/a/deposits", "{\"amount\"", 400),
        (Method::POST, "/accounts/a/deposits", &much, 413),
        (Method::GET, &long, "", 400),
        (Method::GET, "/accounts/", "", 404),
        (Method::GET, "/accounts/a/deposits", "", 405),
        (Method::DELETE, "/accounts/a", "", 405),
        // It is for operators alone.
        (Method::GET, "/metrics", "", 404),
    ] {
        let answer = Answer::of(send(gateway.address, request(&method, path, body)).await).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
    }
    assert_eq!(gateway.stop().await.report.stats.accepted, 0);
}

#[tokio::test]
async fn back_pressure_is_told_with_the_time_to_wait_and_silence_as_it_is() {
    let cluster = bank("busy", &Books::default()).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "request_timeout = '1s'", "pending_asks = 1").await;
    let at = gateway.address;
    let path = format!("/accounts/{SILENT}/withdrawals");
    let silent = async { post(at, &path, 1).await };
    let meanwhile = async {
        // It waits for its reply, and there is no place for another.
        let reached = cluster.wait_until(|status| status.nodes.iter().any(|it| it.messages > 0));
        timeout(LONG, reached).await.expect("it comes");
        get(at, "/accounts/alice").await
    };
    let (silent, busy) = tokio::join!(silent, meanwhile);
    assert_eq!((busy.status, busy.retry_after), (429, Some(1)));
    assert_eq!(busy.field("error"), "busy");
    assert_eq!(busy.field("may_have_been_done"), false);
    assert_eq!((silent.status, silent.retry_after), (504, None));
    assert_eq!(silent.field("error"), "timed_out");
    assert_eq!(silent.field("may_have_been_done"), true);
    assert_eq!(get(at, "/accounts/alice").await.status, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn while_no_node_is_there_requests_are_told_to_come_back_and_none_is_done_later() {
    let books = Books::default();
    let cluster = bank("away", &books).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "", "buffer_timeout = '200ms'").await;
    for node in 0..3 {
        cluster.kill(node).await;
    }
    let mut watch = gateway.client.watch_health();
    let lost = watch.wait_for(|health| health.members_usable == 0);
    timeout(LONG, lost).await.expect("it is lost").unwrap();
    let answer = post(gateway.address, "/accounts/alice/withdrawals", 3).await;
    assert_eq!(
        (answer.status, answer.retry_after),
        (503, Some(1)),
        "{answer:?}"
    );
    assert_eq!(answer.field("error"), "unavailable");
    assert_eq!(answer.field("may_have_been_done"), false);
    for node in 0..3 {
        cluster.restart(node).await.unwrap();
    }
    let back = watch.wait_for(|health| health.members_usable == 3);
    timeout(LONG, back).await.expect("it is back").unwrap();
    assert_eq!(get(gateway.address, "/accounts/alice").await.status, 200);
    assert!(books.changes.lock().unwrap().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_withdrawal_whose_node_dies_under_way_may_have_been_done_and_is_not_sent_again() {
    let books = Books::default();
    let cluster = bank("lost", &books).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "request_timeout = '30s'", "").await;
    let path = format!("/accounts/{SILENT}/withdrawals");
    let silent = async { post(gateway.address, &path, 4).await };
    let dies = async {
        let reached = cluster.wait_until(|status| status.nodes.iter().any(|it| it.messages > 0));
        timeout(LONG, reached).await.expect("it comes");
        cluster
            .kill(cluster.owner("account", SILENT).unwrap())
            .await;
    };
    let (answer, ()) = tokio::join!(silent, dies);
    assert_eq!((answer.status, answer.retry_after), (502, None));
    assert_eq!(answer.field("error"), "lost");
    assert_eq!(answer.field("may_have_been_done"), true);
    assert_eq!(books.changes.lock().unwrap()[&4], 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_withdrawal_that_is_cut_by_the_end_of_the_client_may_have_been_done_and_later_ones_not() {
    let books = Books::default();
    let cluster = bank("cut", &books).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "request_timeout = '30s'", "").await;
    let path = format!("/accounts/{SILENT}/withdrawals");
    let silent = async { post(gateway.address, &path, 6).await };
    let closes = async {
        let asked = cluster.wait_until(|_| books.changes.lock().unwrap().contains_key(&6));
        timeout(LONG, asked).await.expect("it is asked");
        // It waits for no replies.
        gateway.client.close(Duration::ZERO).await;
    };
    let (answer, ()) = tokio::join!(silent, closes);
    assert_eq!((answer.status, answer.retry_after), (502, None));
    assert_eq!(answer.field("error"), "lost");
    assert_eq!(answer.field("may_have_been_done"), true);
    let answer = post(gateway.address, "/accounts/alice/withdrawals", 7).await;
    assert_eq!((answer.status, answer.retry_after), (503, None));
    assert_eq!(answer.field("error"), "closed");
    assert_eq!(answer.field("may_have_been_done"), false);
    gateway.stop().await;
}

#[tokio::test]
async fn a_withdrawal_whose_reply_cannot_be_read_has_been_done() {
    let books = Books::default();
    let cluster = bank("garbled", &books).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "", "").await;
    let path = format!("/accounts/{GARBLED}/withdrawals");
    let answer = post(gateway.address, &path, 8).await;
    assert_eq!((answer.status, answer.retry_after), (500, None));
    assert_eq!(answer.field("error"), "bug");
    assert_eq!(answer.field("may_have_been_done"), true);
    assert_eq!(books.changes.lock().unwrap()[&8], 1);
    gateway.stop().await;
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_one_to_end_and_probes_do_not() {
    let cluster = bank("connections", &Books::default())
        .start()
        .await
        .unwrap();
    let gateway = Gateway::start(&cluster, "max_connections = 1", "").await;
    let mut events = Events::of(gateway.address, "alice").await;
    events.until(0).await;
    let waits = async { get(gateway.address, "/accounts/bob").await };
    let mut waits = Box::pin(waits);
    let goes_on = async {
        // Of another client, so that something happens meanwhile.
        let accounts = gateway.client.configured_region("account").unwrap();
        let deposit = casty_gateway::Deposit { amount: 1 };
        accounts.entity("alice").tell(deposit).unwrap();
        events.until(1).await;
        for probe in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(get(gateway.probes, probe).await.status, 200, "{probe}");
        }
    };
    tokio::select! {
        answer = &mut waits => panic!("it did not wait: {answer:?}"),
        () = goes_on => {}
    }
    drop(events);
    assert_eq!(waits.await.status, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn a_connection_that_sends_half_a_head_makes_way_for_another() {
    let cluster = bank("heads", &Books::default()).start().await.unwrap();
    let settings = "max_connections = 1\nhead_timeout = '200ms'";
    let gateway = Gateway::start(&cluster, settings, "").await;
    let mut slow = TcpStream::connect(gateway.address).await.unwrap();
    slow.write_all(b"GET /accounts/alice HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    assert_eq!(get(gateway.address, "/accounts/alice").await.status, 200);
    let mut answer = String::new();
    let read = timeout(LONG, slow.read_to_string(&mut answer)).await;
    read.expect("it is closed").unwrap();
    assert_eq!(answer, "");
    gateway.stop().await;
}

#[tokio::test]
async fn requests_over_the_limit_are_refused_and_a_body_that_does_not_come_is_given_up() {
    let cluster = bank("limits", &Books::default()).start().await.unwrap();
    let settings = "request_timeout = '1s'\nmax_requests = 1";
    let gateway = Gateway::start(&cluster, settings, "").await;
    let head = "POST /accounts/alice/deposits HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\
                content-type: application/json\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
    let mut slow = TcpStream::connect(gateway.address).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    // The gateway waits for the body: that is what it says.
    let mut begun = [0; 25];
    slow.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100 Continue\r\n\r\n");
    let refused = get(gateway.address, "/accounts/bob").await;
    assert_eq!((refused.status, refused.retry_after), (503, Some(1)));
    assert_eq!(refused.field("error"), "overloaded");
    let mut answer = String::new();
    let read = timeout(LONG, slow.read_to_string(&mut answer)).await;
    read.expect("it is given up").unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(get(gateway.address, "/accounts/bob").await.status, 200);
    gateway.stop().await;
}
