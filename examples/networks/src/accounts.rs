//! The accounts, which are asked for their balance.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use casty_client::{ActorRef, AskError, Chain, RegionRef};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

/// The number of accounts, enough for each node to have some.
const ACCOUNTS: usize = 12;

/// The time between two asks of one account.
const PACE: Duration = Duration::from_millis(100);

/// The message that asks for the balance: in Python, a dataclass of the module `bank`.
#[derive(Serialize)]
#[serde(rename = "bank.GetBalance")]
struct GetBalance {
    reply_to: ActorRef<i64>,
}

/// The accounts, and the numbers of asks that were answered and that were not.
pub(crate) struct Accounts {
    region: RegionRef,
    answered: Cell<u64>,
    failed: Cell<u64>,
}

impl Accounts {
    /// Begins with nothing asked.
    pub(crate) fn new(region: RegionRef) -> Self {
        Self {
            region,
            answered: Cell::new(0),
            failed: Cell::new(0),
        }
    }

    /// Asks all of them beside each other, without end; one whose node cannot be reached holds up no other.
    pub(crate) async fn keep_asking(&self) {
        join_all((0..ACCOUNTS).map(|number| self.keep_asking_one(number))).await;
    }

    /// Asks one again and again, and prints when it ceases to answer, and when it answers again.
    async fn keep_asking_one(&self, number: usize) {
        let account = self.region.entity(format!("account-{number}"));
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answers = true;
        loop {
            pace.tick().await;
            // A balance may be asked for twice, so the client sends it again when a connection breaks.
            let ask = account.ask(|reply_to| GetBalance { reply_to });
            let balance: Result<i64, AskError> = ask.idempotent().await;
            let count = match &balance {
                Ok(_) => &self.answered,
                Err(_) => &self.failed,
            };
            count.set(count.get() + 1);
            match &balance {
                Ok(_) if !answers => println!("account-{number} answers again"),
                Err(error) if answers => {
                    println!("account-{number} does not answer: {}", Chain(error));
                }
                _ => {}
            }
            answers = balance.is_ok();
        }
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answered, failed) = (self.answered.get(), self.failed.get());
        write!(f, "{answered} asks were answered, {failed} were not")
    }
}
