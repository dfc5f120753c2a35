//! Addresses of nodes and actors.

use casty_proto::{ActorRef, ActorUri, NodeAddress};

use crate::memory::{allowance, within};

/// Checks that addresses are written as they were read, and that all ways to read one agree.
pub(crate) fn address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let allowed = allowance(text.len());
    if let Ok(node) = within(allowed, "a node's address", || text.parse::<NodeAddress>()) {
        let again = node.to_string();
        assert_eq!(again, node.to_raw());
        assert_eq!(again.parse(), Ok(node));
        let (host, _) = text.rsplit_once(':').expect("a port");
        assert!(again.starts_with(host));
    }
    let uri = within(allowed, "an actor's URI", || ActorUri::parse(text));
    let reference = ActorRef::<()>::new(text);
    assert_eq!(uri.err(), reference.as_ref().err().copied());
    let (Ok(uri), Ok(reference)) = (uri, reference) else {
        return;
    };
    assert_eq!(reference.parts(), Ok(uri));
    let written = uri.to_raw();
    assert_eq!(ActorUri::parse(&written), Ok(uri));
    let shown = uri.to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
    // Casty accepts any host without a colon there; only one that prints can be dialled.
    if let Some(node) = uri.node_address() {
        let (raw, shown) = (node.to_raw(), node.to_string());
        assert!(!shown.contains(char::is_control), "{shown:?}");
        if raw == shown && node.host().len() <= 255 {
            assert_eq!(raw.parse(), Ok(node));
        }
    }
}
