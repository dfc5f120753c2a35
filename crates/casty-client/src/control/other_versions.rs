//! Addresses at which another version of casty was found, or may be: when they are asked, and dialled again.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;
use casty_transport::ConnectError;

/// The number of addresses of which something is kept. Of more, none is asked.
const ADDRESSES: usize = 64;
/// The time in which an address that closes connections is asked once.
const AGAIN: Duration = Duration::from_mins(5);
/// The pause between two dials of an address at which another version was found.
///
/// Beyond it, it is dialled again, once.
const PAUSE: Duration = Duration::from_mins(1);

/// The addresses that were asked which version of casty they are.
#[derive(Debug, Default)]
pub(super) struct OtherVersions(BTreeMap<NodeAddress, Asked>);

/// The knowledge of an address that was asked.
#[derive(Debug)]
struct Asked {
    at: Instant,
    /// The error that tells the version, with the time of the last dial.
    found: Option<(ConnectError, Instant)>,
}

impl OtherVersions {
    /// Returns the error for which an address is not dialled now: lately another version was found there.
    pub(super) fn refuses(&self, now: Instant, address: &NodeAddress) -> Option<ConnectError> {
        let (error, dialled) = self.0.get(address)?.found.as_ref()?;
        (now < *dialled + PAUSE).then(|| error.clone())
    }

    /// Returns whether an address may be asked, if it closes the connection that is dialled now.
    pub(super) fn may_ask(&self, now: Instant, address: &NodeAddress) -> bool {
        match self.0.get(address) {
            Some(asked) => now >= asked.at + AGAIN,
            None => self.0.len() < ADDRESSES || self.0.values().any(|it| now >= it.at + AGAIN),
        }
    }

    /// Notes how a dial has failed. Returns the error that tells the most: that of the version that was found
    /// earlier at an address which still closes connections.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        address: &NodeAddress,
        error: ConnectError,
    ) -> ConnectError {
        match &error {
            ConnectError::OtherVersion { .. } => {
                self.note(now, address).found = Some((error.clone(), now));
            }
            error if is_closed(error) => match self.0.get_mut(address) {
                Some(asked) if now < asked.at + AGAIN => {
                    if let Some((found, dialled)) = &mut asked.found {
                        *dialled = now;
                        return found.clone();
                    }
                }
                _ => self.note(now, address).found = None,
            },
            _ => self.forget(address),
        }
        error
    }

    /// Forgets what was found at an address, which is not asked sooner for that.
    pub(super) fn forget(&mut self, address: &NodeAddress) {
        if let Some(asked) = self.0.get_mut(address) {
            asked.found = None;
        }
    }

    /// Returns the entry of an address that was asked now. Those that may be asked again make place for it.
    fn note(&mut self, now: Instant, address: &NodeAddress) -> &mut Asked {
        if self.0.len() >= ADDRESSES && !self.0.contains_key(address) {
            self.0.retain(|_, asked| now < asked.at + AGAIN);
        }
        let asked = self.0.entry(address.clone()).or_insert(Asked {
            at: now,
            found: None,
        });
        asked.at = now;
        asked
    }
}

/// Returns whether the peer has ended a connection on reading our handshake, as nodes of other versions do.
pub(super) fn is_closed(error: &ConnectError) -> bool {
    match error {
        ConnectError::Closed { .. } => true,
        ConnectError::Io { source, .. } => source.kind() == ErrorKind::ConnectionReset,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use casty_transport::OtherVersion;

    use super::*;

    fn address(number: u16) -> NodeAddress {
        NodeAddress::new("node", number)
    }

    fn closed() -> ConnectError {
        let peer = "peer".into();
        ConnectError::Closed { peer }
    }

    fn found() -> ConnectError {
        ConnectError::OtherVersion {
            peer: "peer".into(),
            version: OtherVersion::V0_30,
            cluster: None,
        }
    }

    fn tells(error: &ConnectError) -> bool {
        matches!(error, ConnectError::OtherVersion { .. })
    }

    #[test]
    fn an_address_is_asked_once_in_five_minutes_and_dialled_once_in_one() {
        let (mut known, start, node) = (OtherVersions::default(), Instant::now(), address(1));
        assert!(known.may_ask(start, &node) && known.refuses(start, &node).is_none());
        assert!(tells(&known.failed(start, &node, found())));
        let mut now = start;
        for minute in 1..5 {
            let soon = now + Duration::from_millis(59_999);
            assert!(
                known
                    .refuses(soon, &node)
                    .is_some_and(|error| tells(&error))
            );
            now += PAUSE;
            assert!(known.refuses(now, &node).is_none(), "{minute}");
            assert!(!known.may_ask(now, &node), "{minute}");
            assert!(tells(&known.failed(now, &node, closed())), "{minute}");
        }
        now += PAUSE;
        assert!(known.may_ask(now, &node));
        assert!(!tells(&known.failed(now, &node, closed())), "asked in vain");
        assert!(known.refuses(now, &node).is_none());
    }

    #[test]
    fn what_was_found_is_forgotten_when_an_address_does_anything_else() {
        let (mut known, now, node) = (OtherVersions::default(), Instant::now(), address(1));
        known.failed(now, &node, found());
        let (to, after) = (node.clone(), PAUSE);
        known.failed(now, &node, ConnectError::ConnectTimeout { to, after });
        assert!(known.refuses(now, &node).is_none());
        assert!(!known.may_ask(now, &node), "so soon");
        assert!(!tells(&known.failed(now, &node, closed())));
    }

    #[test]
    fn what_is_kept_is_bounded_and_makes_place_when_it_is_old() {
        let (mut known, now) = (OtherVersions::default(), Instant::now());
        for number in 0..1_000 {
            if known.may_ask(now, &address(number)) {
                known.failed(now, &address(number), closed());
            }
        }
        assert_eq!(known.0.len(), ADDRESSES);
        assert!(known.may_ask(now + AGAIN, &address(999)));
        known.failed(now + AGAIN, &address(999), found());
        assert_eq!(known.0.len(), 1);
    }
}
