//! The cluster behind the gateway: what `deploy/node/bank.py` is in Python.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use casty_client::ActorRef;
use casty_gateway::Balance;
use casty_testkit::{Cluster, ClusterBuilder, Context, stateful};
use serde::Deserialize;
use tokio::sync::watch;

/// The number of shards, as the tests' settings have it.
pub(crate) const SHARDS: u32 = 20;

/// The account that answers nobody.
pub(crate) const SILENT: &str = "silent";

/// The account that answers withdrawals when the next deposit comes.
pub(crate) const LATE: &str = "late";

/// The account that answers withdrawals by something that is no number.
pub(crate) const GARBLED: &str = "garbled";

/// The messages that an account understands: in Python, a union of the dataclasses.
#[derive(Deserialize)]
enum Message {
    #[serde(rename = "bank.Deposit")]
    Deposit { amount: i64 },
    #[serde(rename = "bank.Withdraw")]
    Withdraw {
        amount: i64,
        reply_to: ActorRef<Option<i64>>,
    },
    #[serde(rename = "bank.GetBalance")]
    GetBalance { reply_to: ActorRef<i64> },
    #[serde(rename = "bank.Follow")]
    Follow {
        to: ActorRef<Balance>,
        reply_to: ActorRef<bool>,
    },
    #[serde(rename = "bank.Unfollow")]
    Unfollow { to: ActorRef<Balance> },
}

/// The state of an account, which is gone with its node.
#[derive(Default)]
struct Account {
    balance: i64,
    followers: Vec<ActorRef<Balance>>,
    late: Vec<ActorRef<Option<i64>>>,
}

impl Account {
    fn push(&self, context: &mut Context<'_>) {
        let amount = self.balance;
        for follower in &self.followers {
            context.reply(follower, &Balance { amount });
        }
    }

    fn withdraw(&mut self, amount: i64) -> Option<i64> {
        let left = self.balance - amount;
        (left >= 0).then(|| {
            self.balance = left;
            left
        })
    }
}

/// The records of the bank, which outlive its nodes.
#[derive(Clone, Default)]
pub(crate) struct Books {
    /// The number of times that each amount was deposited or withdrawn; tests use each for one request.
    pub(crate) changes: Arc<Mutex<BTreeMap<i64, u32>>>,
    /// The number of followers of the account that was told last of one.
    pub(crate) followers: Arc<watch::Sender<usize>>,
}

impl Books {
    fn note(&self, amount: i64) {
        *self.changes.lock().unwrap().entry(amount).or_default() += 1;
    }

    /// Handles a message.
    fn handle(&self, account: &mut Account, message: Message, context: &mut Context<'_>) {
        match message {
            Message::Deposit { amount } => {
                self.note(amount);
                account.balance += amount;
                for late in std::mem::take(&mut account.late) {
                    context.reply(&late, &Some(account.balance));
                }
                account.push(context);
            }
            Message::Withdraw { amount, reply_to } => {
                self.note(amount);
                let left = account.withdraw(amount);
                match context.entity_id() {
                    SILENT => {}
                    LATE => account.late.push(reply_to),
                    GARBLED => context.reply(&reply_to.cast::<String>(), &"much".to_owned()),
                    _ => context.reply(&reply_to, &left),
                }
                if left.is_some() {
                    account.push(context);
                }
            }
            Message::GetBalance { reply_to } => {
                if context.entity_id() != SILENT {
                    context.reply(&reply_to, &account.balance);
                }
            }
            Message::Follow { to, reply_to } => {
                let amount = account.balance;
                context.reply(&to, &Balance { amount });
                if !account.followers.contains(&to) {
                    account.followers.push(to);
                }
                context.reply(&reply_to, &true);
                self.followers.send_replace(account.followers.len());
            }
            Message::Unfollow { to } => {
                account.followers.retain(|follower| *follower != to);
                self.followers.send_replace(account.followers.len());
            }
        }
    }
}

/// Returns three nodes that have the accounts.
pub(crate) fn bank(system: &str, books: &Books) -> ClusterBuilder {
    let books = books.clone();
    let handle = move |account: &mut Account, message, context: &mut Context<'_>| {
        books.handle(account, message, context);
    };
    let accounts = stateful(Account::default, handle);
    Cluster::builder(system)
        .nodes(3)
        .region("account", SHARDS, accounts)
}
