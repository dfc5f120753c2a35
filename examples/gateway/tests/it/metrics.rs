//! The metrics, as Prometheus reads them.

use std::fs;
use std::time::Duration;

use tokio::time::{interval, timeout};

use crate::LONG;
use crate::bank::{Books, SILENT, bank};
use crate::exposition::Exposition;
use crate::gateway::Gateway;
use crate::http::{Events, get, post};

/// Reads the metrics of a gateway, again and again until they are as wanted: the client tells once a second.
async fn metrics_when(gateway: &Gateway, wanted: impl Fn(&Exposition) -> bool) -> Exposition {
    let reading = async {
        let mut attempts = interval(Duration::from_millis(50));
        loop {
            attempts.tick().await;
            let answer = get(gateway.probes, "/metrics").await;
            assert_eq!(
                (answer.status, &*answer.content_type),
                (200, "text/plain; version=0.0.4")
            );
            let read = Exposition::parse(&answer.text);
            if wanted(&read) {
                return read;
            }
        }
    };
    timeout(LONG, reading).await.expect("it is told")
}

/// Returns the metrics of a gateway that has had something to do.
pub(crate) async fn of_a_gateway_at_work(system: &str) -> Exposition {
    let cluster = bank(system, &Books::default()).start().await.unwrap();
    let gateway = Gateway::start(&cluster, "request_timeout = '200ms'", "").await;
    let mut events = Events::of(gateway.address, "alice").await;
    events.until(0).await;
    post(gateway.address, "/accounts/alice/deposits", 5).await;
    events.until(5).await;
    get(gateway.address, "/accounts/alice").await;
    let silent = get(gateway.address, &format!("/accounts/{SILENT}")).await;
    assert_eq!(silent.status, 504);
    let written = [("system", system), ("fate", "written")];
    let read = metrics_when(&gateway, |read| {
        let written = read.sum("casty_client_messages_total", &written);
        let ready = [("system", system), ("state", "ready")];
        let ready = read.sum("casty_client_clients", &ready);
        written.is_some_and(|it| it >= 4.0) && ready == Some(1.0)
    })
    .await;
    drop(events);
    gateway.stop().await;
    read
}

#[tokio::test]
async fn prometheus_is_told_what_the_client_and_the_gateway_count_and_times_are_in_buckets() {
    let system = "metrics";
    let read = of_a_gateway_at_work(system).await;
    let replied = [
        ("system", system),
        ("region", "account"),
        ("outcome", "replied"),
    ];
    let asks = read.sum("casty_client_ask_duration_seconds_count", &replied);
    assert!(asks.is_some_and(|asks| asks >= 2.0), "{asks:?}");
    let all: Vec<_> = replied.into_iter().chain([("le", "+Inf")]).collect();
    assert_eq!(
        read.sum("casty_client_ask_duration_seconds_bucket", &all),
        asks
    );
    let timed_out = [("system", system), ("outcome", "timed_out")];
    let asks = read.sum("casty_client_ask_duration_seconds_count", &timed_out);
    assert_eq!(asks, Some(1.0));
    let balance = [("route", "/accounts/{id}"), ("status", "504")];
    let requests = read.sum("gateway_request_duration_seconds_count", &balance);
    assert!(
        requests.is_some_and(|requests| requests >= 1.0),
        "{requests:?}"
    );
    assert!(read.sum("gateway_streams", &[]).is_some());
    assert_eq!(
        read.sum("casty_client_connections", &[("system", system)]),
        Some(3.0)
    );
}

#[tokio::test]
async fn every_metric_of_the_documentation_is_told_as_it_says() {
    let read = of_a_gateway_at_work("documented").await;
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| `casty_client_"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (name, kind) = (cells[1].trim_matches('`'), cells[2]);
        assert_eq!(
            read.kinds.get(name).map(String::as_str),
            Some(kind),
            "{name}"
        );
        count += 1;
    }
    assert!(count > 30, "{count}");
}
