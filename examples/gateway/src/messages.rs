//! The messages of accounts, which bear the names of Python's classes: see `deploy/node/bank.py`.

use casty_client::ActorRef;
use serde::{Deserialize, Serialize};

/// The message that adds to an account.
#[derive(Debug, Serialize)]
#[serde(rename = "bank.Deposit")]
pub struct Deposit {
    /// The amount, above 0.
    pub amount: i64,
}

/// The message that takes from an account, and is answered with what is left, or with `None` if there is less.
#[derive(Debug, Serialize)]
#[serde(rename = "bank.Withdraw")]
pub struct Withdraw {
    /// The amount, above 0.
    pub amount: i64,
    /// The receiver of the answer.
    pub reply_to: ActorRef<Option<i64>>,
}

/// The message that asks for the balance.
#[derive(Debug, Serialize)]
#[serde(rename = "bank.GetBalance")]
pub struct GetBalance {
    /// The receiver of the answer.
    pub reply_to: ActorRef<i64>,
}

/// The message that has an account push its balance to an actor: now, and after each change. To send it again
/// does no harm: it is sent anew from time to time, for an account forgets it with its node.
#[derive(Debug, Serialize)]
#[serde(rename = "bank.Follow")]
pub struct Follow {
    /// The actor.
    pub to: ActorRef<Balance>,
    /// The receiver of the answer, which is `true`.
    pub reply_to: ActorRef<bool>,
}

/// The message that ends such pushes.
#[derive(Debug, Serialize)]
#[serde(rename = "bank.Unfollow")]
pub struct Unfollow {
    /// The actor.
    pub to: ActorRef<Balance>,
}

/// The message that is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "bank.Balance")]
pub struct Balance {
    /// The balance.
    pub amount: i64,
}
