//! A client and a cluster through everything that goes well and badly, each over memory in virtual
//! time and over TCP; what goes well also over TLS and QUIC.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by a panic"
)]

mod actors;
mod admin;
mod app;
mod certificates;
mod counts;
mod dials;
mod failover;
mod failures;
mod growth;
mod health;
mod holds;
mod hostile;
mod identity;
mod membership;
mod outside;
mod proxies;
mod raw;
mod renewal;
mod retries;
mod rotation;
mod services;
mod sets;
mod streams;
mod structures;
mod traces;
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

/// As `over_both`, and two more tests of each scenario: over TLS and over QUIC.
macro_rules! over_all {
    ($($scenario:ident)*) => {
        $crate::over_both! { $($scenario)* }
        mod over_tls {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario($crate::app::Net::tls()).await;
            })*
        }
        mod over_quic {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario($crate::app::Net::quic()).await;
            })*
        }
    };
}

pub(crate) use {over_all, over_both};
