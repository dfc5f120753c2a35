//! The command as a process, against clusters of fake nodes in the test's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails here fails a test"
)]

mod actor;
mod admin;
mod ask;
mod bench;
mod cert;
mod config;
mod counts;
mod demo;
mod guard;
mod hostile;
mod lookup;
mod other_versions;
mod output;
#[cfg(unix)]
mod pictures;
mod process;
mod proxy;
mod shell;
mod structures;
mod tell;
#[cfg(unix)]
mod terminal;
mod tls;
mod topology;
mod types;
mod usage;
#[cfg(unix)]
mod watch;
