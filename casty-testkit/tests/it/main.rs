//! A client and a cluster through everything that goes well and badly, each over memory in virtual
//! time and over TCP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic"
)]

mod admin;
mod app;
mod failover;
mod failures;
mod identity;
mod proxies;
mod renewal;
mod roads;
mod traffic;

/// Makes two tests of each scenario: over memory in virtual time, and over TCP.
macro_rules! over_both {
    ($($scenario:ident)*) => {
        mod over_memory {
            $(#[tokio::test(start_paused = true)]
            async fn $scenario() {
                super::$scenario($crate::app::Net::memory()).await;
            })*
        }
        mod over_tcp {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario($crate::app::Net::Tcp).await;
            })*
        }
    };
}

pub(crate) use over_both;
