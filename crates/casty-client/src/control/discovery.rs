//! The questions to the program's own source of contact points.

use casty_proto::{Chain, NodeAddress};
use casty_routing::{ConnectionsConfig, ConnectionsInput};

use super::{Control, Done};
use crate::control::connections::is_of_interest;
use crate::discovery;
use crate::error::discovery::DiscoveryError;

impl Control {
    /// Asks the program for contact points. The call is dropped with the client.
    pub(super) fn discover(&mut self) {
        let Some(source) = self.source.clone() else {
            return;
        };
        let limit = self.core.limits.discovery_timeout;
        self.tasks.spawn(async move {
            let outcome = discovery::ask(&*source, limit).await;
            Done::Discovered(outcome)
        });
    }

    /// Handles the program's answer.
    pub(super) fn discovered(&mut self, outcome: Result<Vec<NodeAddress>, DiscoveryError>) {
        let contacts = match outcome {
            Ok(contacts) => {
                *self.core.discovery_failure.lock() = None;
                self.bounded(contacts)
            }
            Err(error) => {
                self.note_discovery_failure(error);
                Vec::new()
            }
        };
        let failures = self.core.dial_failures.lock();
        let is_contact = |node: &&NodeAddress| self.connections.is_contact(node);
        let former: Vec<_> = failures.keys().filter(is_contact).cloned().collect();
        drop(failures);
        let input = ConnectionsInput::Discovered(contacts);
        self.connections.handle(self.time.now(), input);
        self.forget_failures(former);
    }

    /// Forgets the failures of those addresses that are of no more interest.
    fn forget_failures(&mut self, of: Vec<NodeAddress>) {
        // Locked while the view is read, as the lock order has them.
        let mut failures = self.core.dial_failures.lock();
        let view = self.core.view.borrow().clone();
        for node in of {
            if !is_of_interest(&self.connections, view.as_deref(), &node) {
                failures.remove(&node);
                self.told_failures.forget(&node);
            }
        }
    }

    /// Returns as many contact points as are kept, and warns of more.
    fn bounded(&mut self, mut contacts: Vec<NodeAddress>) -> Vec<NodeAddress> {
        let most = ConnectionsConfig::default().found_contacts;
        let found = contacts.len();
        tracing::debug!(found, "contact points were found");
        if found <= most {
            self.told_discovery = None;
            return contacts;
        }
        let now = self.time.now();
        let told = self.told_discovery.get_or_insert_default();
        if told.is_news(now, "too many") {
            tracing::warn!(
                found,
                kept = most,
                "more contact points were found than are kept"
            );
        }
        contacts.truncate(most);
        contacts
    }

    /// Keeps the failure of a question, and warns of the first, and of one for another reason.
    fn note_discovery_failure(&mut self, error: DiscoveryError) {
        let now = self.time.now();
        let told = self.told_discovery.get_or_insert_default();
        if told.is_news(now, &Chain(&error).to_string()) {
            tracing::warn!(error = %Chain(&error), "no contact points were found; asked again while they are needed");
        } else {
            tracing::debug!(error = %Chain(&error), "no contact points were found");
        }
        *self.core.discovery_failure.lock() = Some(error);
    }
}
