//! The end of the program at SIGTERM.

use std::time::Duration;

use casty_client::ClusterClient;
use casty_gateway::Deposit;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::LONG;
use crate::bank::{Books, LATE, SHARDS, bank};
use crate::gateway::Program;
use crate::http::{Events, get, post};

#[tokio::test]
async fn at_sigterm_requests_that_run_are_answered_streams_end_and_the_fates_are_told() {
    let books = Books::default();
    let cluster = bank("stopping", &books).start().await.unwrap();
    let program = Program::start(&cluster).await;
    let at = program.address;
    assert_eq!(get(at, "/accounts/alice").await.status, 200);
    let mut events = Events::of(at, "alice").await;
    events.until(0).await;
    let path = format!("/accounts/{LATE}/withdrawals");
    let late = tokio::spawn(async move { post(at, &path, 77).await });
    let asked = cluster.wait_until(|_| books.changes.lock().unwrap().contains_key(&77));
    timeout(LONG, asked).await.expect("it is asked");

    program.terminate();
    let rest = async { while events.next().await.is_some() {} };
    timeout(LONG, rest).await.expect("streams end");
    let refused = async {
        let mut attempts = interval(Duration::from_millis(10));
        while TcpStream::connect(at).await.is_ok() {
            attempts.tick().await;
        }
    };
    timeout(LONG, refused).await.expect("nobody is let in");
    for (probe, status) in [("/readyz", 503), ("/healthz", 200), ("/metrics", 200)] {
        assert_eq!(get(program.probes, probe).await.status, status, "{probe}");
    }
    assert!(!late.is_finished());

    // Somebody else has the account answer.
    let builder = ClusterClient::builder("stopping").contact_points(cluster.contact_points());
    let other = builder.connect().await.unwrap();
    let accounts = other.region("account", SHARDS).unwrap();
    accounts.entity(LATE).tell(Deposit { amount: 1 }).unwrap();
    let answer = timeout(LONG, late).await.unwrap().unwrap();
    assert_eq!((answer.status, answer.field("balance")), (200, 1.into()));
    // A balance, a follow or two, the withdrawal, the end of the follow.
    let line = program.ended().await;
    let told = line.strip_prefix("all requests were answered; messages: ");
    let told = told.expect(&line);
    let (written, rest) = told.split_once(' ').unwrap();
    assert!(written.parse::<u32>().unwrap() >= 4, "{line}");
    assert_eq!(rest, "written, 0 not sent, 0 unknown");
}
