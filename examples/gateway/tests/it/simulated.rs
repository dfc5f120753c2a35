//! The gateway in worlds that go wrong, in virtual time: all of it but the socket.
//!
//! Whatever happens, each request has an answer in time, none that was refused is ever done, none is done twice,
//! and one that was done according to its answer was.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use casty_gateway::{Accounts, GatewaySettings, router};
use casty_testkit::sim::{self, Fault, World};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request};
use tokio::time::{Instant, sleep_until, timeout};
use tower::ServiceExt;

use crate::bank::{Books, SHARDS, bank};
use crate::http::{Answer, Events, request};

/// The worlds, each of some twenty seconds. In that of seed 24 a clock jumps while asks wait, which once had the gateway
/// say of a request that it was not done, though it may have been.
const WORLDS: u64 = 30;

/// The time that everything may take once the faults are over: a stream is renewed within it, and asks again.
const SETTLED: Duration = Duration::from_secs(40);

/// The time that an answer may take beyond its request's.
const SLACK: Duration = Duration::from_millis(300);

const ACCOUNTS: [&str; 3] = ["alice", "bob", "carol"];

/// The amounts of requests, each its own, by what was answered.
#[derive(Default)]
struct Answered {
    /// The last one that was used.
    last: i64,
    refused: BTreeSet<i64>,
    done: BTreeSet<i64>,
}

/// A gateway in a world.
#[derive(Clone)]
struct Gateway {
    world: World,
    router: Router,
    within: Duration,
    answered: Arc<Mutex<Answered>>,
}

impl Gateway {
    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let (begun, jumped) = (Instant::now(), self.world.jumped());
        let what = format!("{} {}", request.method(), request.uri());
        let response = self
            .router
            .clone()
            .oneshot(request.map(axum::body::Body::new));
        let answer = Answer::of(response.await.unwrap()).await;
        let took = self.world.lasted(begun, jumped);
        self.world
            .log(format_args!("{what}: {} {}", answer.status, answer.text));
        if took > self.within + SLACK {
            self.world.report(format!("{what} took {took:?}"));
        }
        answer
    }

    /// Gets the balance of an account, if the answer says it.
    async fn balance(&self, account: &str) -> Option<i64> {
        let path = format!("/accounts/{account}");
        let answer = self.send(request(&Method::GET, &path, "")).await;
        match answer.status {
            200 => Some(answer.field("balance").as_i64().unwrap()),
            429 | 502 | 503 | 504 => None,
            other => panic!("{other}: {answer:?}"),
        }
    }

    /// Changes an account, and notes what was answered.
    async fn change(&self, account: &str, what: &str) {
        let amount = {
            let mut answered = self.answered.lock().unwrap();
            answered.last += 1;
            answered.last
        };
        let path = format!("/accounts/{account}/{what}");
        let body = format!("{{\"amount\": {amount}}}");
        let answer = self.send(request(&Method::POST, &path, &body)).await;
        let mut answered = self.answered.lock().unwrap();
        match answer.status {
            // A deposit that is accepted may be lost: Casty acknowledges nothing.
            202 => {}
            200 | 409 => assert!(answered.done.insert(amount)),
            429 | 503 => assert!(answered.refused.insert(amount)),
            502 | 504 => assert_eq!(answer.field("may_have_been_done"), true),
            other => panic!("{other}: {answer:?}"),
        }
    }

    /// Follows an account.
    async fn events(&self, account: &str) -> Events<axum::body::Body> {
        let path = format!("/accounts/{account}/events");
        let request = request(&Method::GET, &path, "");
        let request = request.map(axum::body::Body::new);
        Events::new(self.router.clone().oneshot(request).await.unwrap())
    }
}

/// Has one customer use the accounts, as the seed has it.
async fn customer(gateway: Gateway) {
    let world = &gateway.world;
    for _ in 0..20 {
        let account = ACCOUNTS[world.random_below(ACCOUNTS.len())];
        match world.random_below(3) {
            0 => gateway.change(account, "deposits").await,
            1 => gateway.change(account, "withdrawals").await,
            _ => {
                gateway.balance(account).await;
            }
        }
        sleep_until(Instant::now() + world.random_time(0..800)).await;
    }
}

/// Waits until each account answers, and its stream says the same.
async fn settle(gateway: &Gateway, streams: &mut [Events<axum::body::Body>]) {
    for (account, stream) in ACCOUNTS.iter().zip(streams) {
        let balance = async {
            loop {
                if let Some(balance) = gateway.balance(account).await {
                    return balance;
                }
            }
        };
        let Ok(balance) = timeout(SETTLED, balance).await else {
            return gateway.world.report(format!("{account} does not answer"));
        };
        let seen = async {
            loop {
                match stream.next().await {
                    Some(seen) if seen == balance => return true,
                    Some(_) => {}
                    None => return false,
                }
            }
        };
        if !timeout(SETTLED, seen).await.unwrap_or_default() {
            gateway
                .world
                .report(format!("{account} is at {balance}, and its stream is not"));
        }
    }
}

async fn day(world: World) {
    let books = Books::default();
    world.start(bank("bank", &books)).await.unwrap();
    let client = world.connect_by_name(|builder| builder.region_shards("account", SHARDS));
    let settings = GatewaySettings::default();
    let accounts = Accounts::new(client.await.unwrap(), settings.following()).unwrap();
    let gateway = Gateway {
        world: world.clone(),
        router: router(accounts, &settings),
        within: settings.request_timeout,
        answered: Arc::default(),
    };
    let mut streams = Vec::new();
    for account in ACCOUNTS {
        streams.push(gateway.events(account).await);
    }
    let customers = async {
        let four = || customer(gateway.clone());
        tokio::join!(biased; four(), four(), four(), four());
    };
    let faults = world.chaos(Fault::ALL, Duration::from_secs(10));
    tokio::join!(biased; faults, customers);
    settle(&gateway, &mut streams).await;
    drop(streams);
    let (changes, answered) = (
        books.changes.lock().unwrap(),
        gateway.answered.lock().unwrap(),
    );
    for (amount, times) in changes.iter() {
        if *times > 1 || answered.refused.contains(amount) {
            world.report(format!("{amount} was done {times} times"));
        }
    }
    let missing = answered.done.iter().find(|it| !changes.contains_key(it));
    if let Some(amount) = missing {
        world.report(format!("{amount} was answered and never done"));
    }
}

#[test]
fn whatever_goes_wrong_requests_are_answered_in_time_and_truly_and_streams_go_on() {
    sim::seeds(0..WORLDS, day);
}

#[test]
fn a_day_that_fails_would_fail_again() {
    let [first, second] = [0, 0].map(|_| sim::run(7, sim::Trace::Whole, day));
    assert!(first.lines > 100);
    assert_eq!(first.log, second.log);
}
