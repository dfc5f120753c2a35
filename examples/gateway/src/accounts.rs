//! The accounts: what the gateway does with a cluster, without HTTP.

use std::time::Duration;

use casty_client::{AskError, ClusterClient, EntityRef, Error, RegionError, RegionRef};

use crate::following::{Balances, FollowError, Following, Limits};
use crate::messages::{Deposit, GetBalance, Withdraw};

/// The accounts of a cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    client: ClusterClient,
    region: RegionRef,
    following: Following,
}

impl Accounts {
    /// Returns the accounts that a client's cluster has in its region `account`.
    ///
    /// # Errors
    /// The configuration of the client does not say how many shards the region has.
    pub fn new(client: ClusterClient, limits: Limits) -> Result<Self, RegionError> {
        let region = client.configured_region("account")?;
        let following = Following::new(client.clone(), limits);
        Ok(Self {
            client,
            region,
            following,
        })
    }

    /// Adds to an account. `Ok` means that the message was accepted, and is sent at most once: Casty
    /// acknowledges nothing. Waits for nobody.
    pub(crate) fn deposit(&self, id: &str, amount: i64) -> Result<(), Error> {
        Ok(self.account(id).tell(Deposit { amount })?)
    }

    /// Takes from an account. Returns what is left, or `None` if there is less than that. It is sent once:
    /// twice would take it twice.
    pub(crate) async fn withdraw(
        &self,
        id: &str,
        amount: i64,
        within: Duration,
    ) -> Result<Option<i64>, AskError> {
        let account = self.account(id);
        let ask = account.ask(|reply_to| Withdraw { amount, reply_to });
        ask.within(within).await
    }

    /// Returns the balance of an account. To ask again does no harm, so that is left to the client.
    pub(crate) async fn balance(&self, id: &str, within: Duration) -> Result<i64, AskError> {
        let account = self.account(id);
        let ask = account.ask(|reply_to| GetBalance { reply_to });
        ask.within(within).idempotent().await
    }

    /// Returns the balance of an account as it changes, until the gateway stops.
    pub(crate) fn follow(&self, id: &str) -> Result<Balances, FollowError> {
        self.following.begin(self.account(id))
    }

    /// Ends what is followed. Nothing is begun any more.
    pub(crate) fn stop_following(&self) {
        self.following.stop();
    }

    /// Returns the client.
    pub(crate) fn client(&self) -> &ClusterClient {
        &self.client
    }

    fn account(&self, id: &str) -> EntityRef {
        self.region.entity(id)
    }
}
