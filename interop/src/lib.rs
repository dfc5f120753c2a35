//! The real-cluster suite: unmodified nodes of casty in processes of their own, 0.21.0 unless it is told, and
//! named scenarios that talk to them. `cargo xtask interop` runs it; `--help` tells its arguments.
//!
//! [`python`] finds an interpreter and makes the virtual environment, [`cluster`] starts, kills and
//! restarts nodes, [`verify`] has Python read what Rust wrote, [`scenario`] is what a scenario is
//! made of, [`scenarios`] lists them, one file a topic, and [`suite`] runs them one after another,
//! and [`matrix`] combines serializers and compressions. [`faults`] kills nodes and cuts connections
//! under this client and Python's, and compares. [`guard`] kills nodes beside a `casty guard`, and without.
//! [`versions`] runs the core of the scenarios on each [`version`] whose protocol the client speaks.
//! [`transport`] tells how nodes are reached, and [`certificates`] makes what that takes.
//! `app` declares the messages of the nodes' application, `typed` has them as they are generated, `clients` connects the Rust client, `raw` is a connection without a client,
//! `proxy` a node behind `casty proxy`, `passing` the connections of any other proxy, `router` one behind a router that can forget connections, and `command` finds that command and the member in Rust.

mod app;
pub mod certificates;
mod clients;
pub mod cluster;
mod command;
pub mod error;
pub mod faults;
pub mod guard;
pub mod matrix;
mod passing;
mod proxy;
pub mod python;
mod raw;
mod router;
pub mod scenario;
pub mod scenarios;
pub mod serializer;
pub mod suite;
pub mod transport;
mod typed;
pub mod verify;
pub mod version;
pub mod versions;
