//! The questions of operators: is it alive, is it ready, and what has it counted.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::admission::DURATION;

/// The buckets of times, in seconds. Without them the exporter would make summaries, which cannot be added up.
const BUCKETS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// The time between two looks at what was measured, so that it takes no memory if nobody reads it.
const UPKEEP: Duration = Duration::from_secs(5);

/// The reason for which there are no metrics.
pub type MetricsError = metrics_exporter_prometheus::BuildError;

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder of this process. Comes before the client, which takes its handles as it connects.
    ///
    /// # Errors
    /// There is one already.
    pub fn install() -> Result<Self, MetricsError> {
        let times = [DURATION, "casty_client_ask_duration_seconds"];
        let builder = times
            .into_iter()
            .try_fold(PrometheusBuilder::new(), |builder, name| {
                builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &BUCKETS)
            })?;
        let handle = builder.install_recorder()?;
        metrics::describe_gauge!("gateway_streams", "Streams of events that are open.");
        metrics::describe_histogram!(DURATION, "Times of requests, to the head of the answer.");
        Ok(Self(handle))
    }

    /// Returns the route that tells them.
    fn route(&self) -> Router {
        let handle = self.0.clone();
        let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
        let told = move || std::future::ready((text, handle.render()));
        Router::new().route("/metrics", get(told))
    }

    /// Looks at what was measured, for ever.
    pub(crate) async fn upkeep(&self) {
        loop {
            self.0.run_upkeep();
            tokio::time::sleep(UPKEEP).await;
        }
    }
}

/// The gateway, as operators ask about it.
#[derive(Clone)]
struct Asked {
    accounts: Accounts,
    stopping: watch::Receiver<bool>,
}

/// Returns the routes of operators. Once `stopping` says so, it is ready no more.
pub(crate) fn probes(
    accounts: Accounts,
    metrics: &Metrics,
    stopping: watch::Receiver<bool>,
) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(Asked { accounts, stopping })
        .merge(metrics.route())
}

/// Says whether this process must begin anew: a cluster that is away is no reason.
async fn healthz(State(asked): State<Asked>) -> (StatusCode, String) {
    let health = asked.accounts.client().health();
    (status(health.is_live()), format!("{health}\n"))
}

/// Says whether requests should come here: some of the cluster can be reached, and the gateway does not stop.
async fn readyz(State(asked): State<Asked>) -> (StatusCode, String) {
    if *asked.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    let health = asked.accounts.client().health();
    (status(health.is_ready()), format!("{health}\n"))
}

fn status(is_well: bool) -> StatusCode {
    if is_well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}
