//! The pages of this example, followed: their commands and settings, with other addresses, in front of nodes of
//! casty-testkit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic"
)]

mod bank;
mod casty;
mod page;
mod program;
mod quic_edge;
mod ssh_tunnels;
mod tls_rotation;
mod translation;

use std::time::Duration;

/// Longer than anything here should take, so that what hangs fails.
const LONG: Duration = Duration::from_mins(1);
