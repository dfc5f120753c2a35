//! Other versions of casty that a fake node meets, each told in the log once: those that dial it, and those that it dials.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use casty_proto::NodeAddress;
use casty_transport::ConnectError;
use tokio::time::Instant;

/// The number of addresses that are told, and of those that are asked; of others none is.
const ADDRESSES: usize = 64;
/// The time in which an address that closes connections is asked once which version it is.
const AGAIN: Duration = Duration::from_mins(5);

/// A meeting with a peer that may be of another version.
#[derive(Debug)]
pub(super) enum Meeting {
    /// It has dialled, and was refused for that.
    Refused(ConnectError),
    /// It was dialled, closed the connection, and was asked which version it is: the error tells, if it does.
    Asked(NodeAddress, Option<ConnectError>),
}

/// The peers that were told or asked.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    told: BTreeSet<String>,
    asked: BTreeMap<NodeAddress, Instant>,
}

impl Strangers {
    /// Returns whether a node that is dialled may be asked, if it closes the connection.
    pub(super) fn may_ask(&self, node: &NodeAddress) -> bool {
        match self.asked.get(node) {
            Some(at) => at.elapsed() >= AGAIN,
            None => self.asked.len() < ADDRESSES,
        }
    }

    /// Notes a meeting, and tells of it unless that peer was told before.
    pub(super) fn met(&mut self, me: &NodeAddress, meeting: Meeting) {
        match meeting {
            // The port is another each time.
            Meeting::Refused(error) => self.tell(me, &error, |peer| host(peer).to_owned()),
            Meeting::Asked(node, found) => {
                self.asked.insert(node, Instant::now());
                if let Some(error) = found {
                    self.tell(me, &error, str::to_owned);
                }
            }
        }
    }

    fn tell(&mut self, me: &NodeAddress, error: &ConnectError, key: impl Fn(&str) -> String) {
        if let ConnectError::OtherVersion { peer, version, .. } = error
            && self.is_news(format!("{} {version}", key(peer)))
        {
            tracing::warn!(node = %me, %error, "no connection to another version of casty; told once");
        }
    }

    fn is_news(&mut self, peer: String) -> bool {
        self.told.len() < ADDRESSES && self.told.insert(peer)
    }
}

/// Returns the host of a peer, by its transport's name.
fn host(peer: &str) -> &str {
    peer.rsplit_once(':').map_or(peer, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_peer_is_its_name_without_the_port() {
        for (peer, of_it) in [
            ("10.0.0.1:4711", "10.0.0.1"),
            ("[::1]:4712", "[::1]"),
            ("memory", "memory"),
        ] {
            assert_eq!(host(peer), of_it);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_told_once_and_asked_once_in_five_minutes() {
        let mut strangers = Strangers::default();
        assert!(strangers.is_news("a casty 0.30".to_owned()));
        assert!(!strangers.is_news("a casty 0.30".to_owned()));
        let news = (0..1_000).filter(|host| strangers.is_news(host.to_string()));
        assert_eq!(news.count(), ADDRESSES - 1);

        let (me, node) = (NodeAddress::new("me", 1), NodeAddress::new("n", 1));
        assert!(strangers.may_ask(&node));
        strangers.met(&me, Meeting::Asked(node.clone(), None));
        assert!(!strangers.may_ask(&node));
        tokio::time::advance(AGAIN).await;
        assert!(strangers.may_ask(&node));
        for port in 0..1_000 {
            let node = NodeAddress::new("n", port);
            if strangers.may_ask(&node) {
                strangers.met(&me, Meeting::Asked(node, None));
            }
        }
        assert_eq!(strangers.asked.len(), ADDRESSES);
    }
}
