//! An HTTP gateway to the accounts of a bank, which are entities of a Casty cluster.
//!
//! [`Accounts`] is what the gateway does, without HTTP; [`router`] is HTTP over it, without a socket, so that
//! tests can run all of it in virtual time; [`serve`] is the rest: the sockets, and the end in order.

mod accounts;
mod admission;
mod api;
mod body;
mod connections;
mod deadline;
mod failure;
mod following;
mod messages;
mod probes;
mod serving;
mod settings;

pub use accounts::Accounts;
pub use api::router;
pub use following::Limits as FollowLimits;
pub use messages::{Balance, Deposit, Follow, GetBalance, Unfollow, Withdraw};
pub use probes::{Metrics, MetricsError};
pub use serving::{Ended, Listeners, serve};
pub use settings::{GatewaySettings, Settings, SettingsError};
