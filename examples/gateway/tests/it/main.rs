//! The gateway in front of a cluster of casty-testkit, over TCP, and in simulated faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic"
)]

mod bank;
mod deployment;
mod events;
mod exposition;
mod gateway;
mod http;
mod metrics;
mod panels;
mod promql;
mod readiness;
mod requests;
mod simulated;
mod stopping;

use std::time::Duration;

/// Longer than anything here should take, so that what hangs fails.
const LONG: Duration = Duration::from_mins(1);
