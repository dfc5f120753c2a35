//! The connections that the descriptors of this process leave room for.

/// Descriptors that are left for everything else.
const RESERVE: u64 = 64;

/// Diallers that may shake hands at a time, where descriptors allow.
const HANDSHAKES: u64 = 256;

/// The limits of a proxy that fit the descriptors of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Connections at a time.
    pub(super) connections: usize,
    /// Diallers at a time that have not shown a certificate.
    pub(super) handshakes: usize,
    /// The descriptors that the process may have, if they are limited.
    pub(super) descriptors: Option<u64>,
}

impl Room {
    /// Finds room for so many connections that take so many descriptors each. Raises the limit of
    /// the process where that takes more and the system allows it.
    pub(super) fn find(wanted: u32, each: u64) -> Self {
        let wanted = u64::from(wanted);
        let descriptors = raised_to(RESERVE + HANDSHAKES + wanted.saturating_mul(each));
        Self::within(wanted, each, descriptors)
    }

    /// Divides descriptors.
    fn within(wanted: u64, each: u64, descriptors: Option<u64>) -> Self {
        let most = descriptors.unwrap_or(u64::MAX);
        let handshakes = HANDSHAKES.min(most / 4).max(1);
        let left = most.saturating_sub(RESERVE.min(most / 4) + handshakes);
        let connections = wanted.min(left / each.max(1)).max(1);
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            connections: count(connections),
            handshakes: count(handshakes),
            descriptors,
        }
    }
}

/// Returns the number of descriptors that this process may have, once it is `wanted` if it was less
/// and can be; `None` if there is no limit.
#[cfg(unix)]
fn raised_to(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    let possible = limit.maximum.map_or(wanted, |most| wanted.min(most));
    if possible <= current {
        return Some(current);
    }
    limit.current = Some(possible);
    if setrlimit(Resource::Nofile, limit).is_ok() {
        return Some(possible);
    }
    Some(current)
}

#[cfg(not(unix))]
fn raised_to(_: u64) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_handshakes_fit_the_descriptors() {
        for (wanted, each, descriptors, connections, handshakes) in [
            (1_024, 2, None, 1_024, 256),
            (1_024, 2, Some(1_000_000), 1_024, 256),
            (1_024, 2, Some(2_368), 1_024, 256),
            (1_024, 2, Some(2_367), 1_023, 256),
            (1_024, 2, Some(1_024), 352, 256),
            (1_024, 1, Some(1_024), 704, 256),
            (10, 2, Some(1_024), 10, 256),
            (1_024, 2, Some(256), 64, 64),
            (1_024, 2, Some(8), 2, 2),
            (1_024, 2, Some(0), 1, 1),
        ] {
            let room = Room::within(wanted, each, descriptors);
            assert_eq!(
                (room.connections, room.handshakes),
                (connections, handshakes),
                "{wanted} of {each}: {descriptors:?}"
            );
        }
    }
}
