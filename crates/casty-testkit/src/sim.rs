//! Whole worlds in virtual time: a cluster of fake nodes, real clients, and a network that goes
//! wrong, all of it decided by one number.
//!
//! A world runs on one thread, without sockets, and as fast as the machine can: time passes only
//! when nothing is left to do. Everything random comes from the seed, so a seed that fails today
//! fails tomorrow: its log is the same, byte for byte. Clients are those of casty-client as they
//! are; [`World::connect`] has each of them watched while the world lasts, and closed in the end.
//!
//! ```
//! use std::time::Duration;
//!
//! use casty_proto::ActorRef;
//! use casty_testkit::sim::{self, Fault, World};
//! use casty_testkit::{Cluster, Context, stateful};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(rename = "bank.GetBalance")]
//! struct GetBalance {
//!     reply_to: ActorRef<i64>,
//! }
//!
//! // The service that is tested: any code that uses a client.
//! async fn balance(accounts: &casty_client::RegionRef, owner: &str) -> i64 {
//!     loop {
//!         let account = accounts.entity(owner);
//!         let ask = account.ask(|reply_to| GetBalance { reply_to });
//!         if let Ok(balance) = ask.within(Duration::from_secs(1)).await {
//!             return balance;
//!         }
//!     }
//! }
//!
//! async fn scenario(world: World) {
//!     let account = |balance: &mut i64, message: GetBalance, context: &mut Context<'_>| {
//!         context.reply(&message.reply_to, balance);
//!     };
//!     let bank = Cluster::builder("bank").region("account", 10, stateful(|| 7, account));
//!     world.start(bank).await.unwrap();
//!     let client = world.connect(|builder| builder).await.unwrap();
//!     let accounts = client.entity_ref("account", 10).unwrap();
//!     let faults = world.chaos(&[Fault::Kill, Fault::Reset], Duration::from_secs(5));
//!     let service = async {
//!         for _ in 0..20 {
//!             assert_eq!(balance(&accounts, "alice").await, 7);
//!         }
//!     };
//!     tokio::join!(faults, service);
//! }
//!
//! sim::seeds(0..5, scenario); // panics with the seed that fails
//! ```
//!
//! A failure names the seed, what was not as it should be, and the faults that came before, and shows the end of
//! the log. All of the log is shown by the same command with [`CASTY_SIM_SEED`](ONLY_SEED) set to that seed, or by
//! [`run`] with [`Trace::Whole`].
//!
//! What a scenario does itself must be decided by the seed, too: no threads, no clocks but tokio's,
//! [`World::random_below`] instead of other randomness, and `biased;` in `tokio::select!`, which
//! draws otherwise. Several tasks that wait for one `tokio::sync::watch` are woken in any order.

mod chaos;
mod checks;
mod connection;
mod decoy;
mod direction;
mod fault;
mod inflicted;
mod log;
mod names;
mod network;
mod numbers;
mod queries;
mod run;
mod scenario;
mod seeds;
mod stream;
mod tamper;
mod transport;
mod violation;
mod watched;
mod world;

pub use fault::{Fault, UnknownFault};
pub use inflicted::Inflicted;
pub use log::Trace;
pub use run::{ONLY_SEED, Report, run, seeds};
pub use scenario::{run_scenario, run_scenario_against};
pub use seeds::{REGRESSION_SEEDS, RegressionSeed};
pub use violation::{Check, Violation};
pub use world::World;

#[cfg(test)]
mod tests;
