//! Addresses of nodes and actors: `host:port` and `casty://` URIs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::escape::{Escaped, unescape};
use crate::shared_text;

/// The address by which a node of the cluster is known: the one that its handshake announces and
/// views list.
///
/// Cheap to clone (one reference count). Ordered as casty orders nodes when it elects a leader: by
/// host as a string, then by port as a number.
///
/// Peers may list any text as a host. `Display` and `Debug` show it [escaped](Escaped::exact), which for
/// hosts that can be dialled is the text itself; [`to_raw`](Self::to_raw) is exact.
///
/// ```
/// use casty_proto::NodeAddress;
/// let node: NodeAddress = "10.0.1.10:25520".parse()?;
/// assert_eq!((node.host(), node.port()), ("10.0.1.10", 25520));
/// # Ok::<(), casty_proto::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.state.NodeAddress")]
pub struct NodeAddress {
    #[serde(deserialize_with = "shared_text::deserialize")]
    host: Arc<str>,
    port: u16,
}

impl NodeAddress {
    /// Returns the address of a host and a port. The host is any text without a colon (IPv6 literals
    /// cannot be written in a `casty://` URI); [`FromStr`] checks that, this does not.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// Reads an address as it is shown, whatever its host: the inverse of `Display`, where that shows
    /// all of a host.
    ///
    /// ```
    /// # use casty_proto::NodeAddress;
    /// let node = NodeAddress::new("a\u{1b}[2J", 1);
    /// assert_eq!(NodeAddress::from_shown(&node.to_string()), Ok(node));
    /// ```
    ///
    /// # Errors
    /// The text ends with no port.
    pub fn from_shown(shown: &str) -> Result<Self, AddressError> {
        let (host, port) = shown.rsplit_once(':').ok_or(AddressError::NoPort)?;
        Ok(Self::new(unescape(host), parse_port(port)?))
    }

    /// Returns the host name or IPv4 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the TCP port; 0 for a client, which cannot be dialled.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns `host:port` as it is, for programs; a peer may have put anything into it.
    pub fn to_raw(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Escaped::new(&self.host).exact(), self.port)
    }
}

impl fmt::Debug for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodeAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        if !is_host(host) {
            return Err(AddressError::BadHost);
        }
        Ok(Self::new(host, parse_port(port)?))
    }
}

/// The address of an actor as Casty writes it: `casty://system@host:port/path`, or
/// `casty://system/path` for an actor of the receiving node itself.
///
/// Borrows from the text it was parsed from; nothing is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActorUri<'a> {
    /// The name of the actor system; neither `@` nor `/` occurs in it.
    pub system: &'a str,
    /// The host and the port; `None` in the local form.
    pub node: Option<(&'a str, u16)>,
    /// The path, always with its leading slash and at least one character behind it.
    pub path: &'a str,
}

impl<'a> ActorUri<'a> {
    /// Parses a URI of either form.
    ///
    /// # Errors
    /// The text is not of the form that casty 0.21.0 accepts (`core/address.py`: no
    /// percent-encoding, a host without colon, a path that is not empty and has no line break).
    pub fn parse(uri: &'a str) -> Result<Self, AddressError> {
        let rest = uri.strip_prefix("casty://").ok_or(AddressError::NotCasty)?;
        let (authority, tail) = rest.split_once('/').ok_or(AddressError::NoPath)?;
        if tail.is_empty() || tail.contains('\n') {
            return Err(AddressError::NoPath);
        }
        let path = &rest[authority.len()..];
        let Some((system, node)) = authority.split_once('@') else {
            return match authority {
                "" => Err(AddressError::NoSystem),
                system => Ok(Self {
                    system,
                    node: None,
                    path,
                }),
            };
        };
        if system.is_empty() {
            return Err(AddressError::NoSystem);
        }
        let (host, port) = node.split_once(':').ok_or(AddressError::NoPort)?;
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        Ok(Self {
            system,
            node: Some((host, parse_port(port)?)),
            path,
        })
    }

    /// Returns the node of the remote form as an owned address; `None` for the local form.
    pub fn node_address(&self) -> Option<NodeAddress> {
        self.node.map(|(host, port)| NodeAddress::new(host, port))
    }

    /// Returns the URI as it is, for programs: [`parse`](Self::parse) reads it back.
    pub fn to_raw(&self) -> String {
        let Self { system, path, .. } = self;
        match self.node {
            Some((host, port)) => format!("casty://{system}@{host}:{port}{path}"),
            None => format!("casty://{system}{path}"),
        }
    }
}

/// The URI for people, [escaped](Escaped); [`to_raw`](ActorUri::to_raw) is exact.
impl fmt::Display for ActorUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (system, path) = (Escaped::new(self.system), Escaped::new(self.path));
        match self.node {
            Some((host, port)) => {
                let host = Escaped::new(host).exact();
                write!(f, "casty://{system}@{host}:{port}{path}")
            }
            None => write!(f, "casty://{system}{path}"),
        }
    }
}

/// The longest host that can be given, in bytes; the longest name has 253.
///
/// Beyond it, it is no address (`AddressError::BadHost`).
const LONGEST_HOST: usize = 255;

/// Returns whether a text can be the host of a node that is dialled.
fn is_host(host: &str) -> bool {
    (1..=LONGEST_HOST).contains(&host.len())
        && !host.contains([':', '/'])
        && Escaped::whole(host).exact().to_string() == host
}

fn parse_port(port: &str) -> Result<u16, AddressError> {
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AddressError::BadPort);
    }
    port.parse().map_err(|_| AddressError::BadPort)
}

/// The error of a text that is no node address or actor URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The text does not begin with `casty://`.
    #[error("an actor address begins with casty://")]
    NotCasty,
    /// The actor system's name is missing.
    #[error("the actor system's name is missing")]
    NoSystem,
    /// The host is missing.
    #[error("the host is missing")]
    NoHost,
    /// The host holds a character that an address cannot carry.
    #[error(
        "a host has at most {LONGEST_HOST} bytes, no colon, slash, backslash, arrow (->) or character \
         that does not print, and no spaces but single ones between others (IPv6 literals cannot be \
         written)"
    )]
    BadHost,
    /// The port is missing.
    #[error("the port is missing")]
    NoPort,
    /// The port is no number from 0 to 65535.
    #[error("the port is no number from 0 to 65535")]
    BadPort,
    /// The path is missing or holds a line break.
    #[error("the path is missing or holds a line break")]
    NoPath,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_addresses_round_trip_and_order_like_casty() {
        let node: NodeAddress = "10.0.1.10:25520".parse().unwrap();
        assert_eq!(node.to_string(), "10.0.1.10:25520");
        assert_eq!((node.host(), node.port()), ("10.0.1.10", 25_520));
        let low: NodeAddress = "10.0.1.9:1".parse().unwrap();
        assert!(node < low, "hosts compare as strings");
        assert!(
            NodeAddress::new("a", 9) < NodeAddress::new("a", 10),
            "ports as numbers"
        );
    }

    #[test]
    fn malformed_node_addresses_are_refused_with_the_reason() {
        for (text, error) in [
            ("host", AddressError::NoPort),
            (":1", AddressError::NoHost),
            ("::1:80", AddressError::BadHost),
            ("a/b:80", AddressError::BadHost),
            ("a\u{1b}[2J:80", AddressError::BadHost),
            (r"a\u{1b}:80", AddressError::BadHost),
            (" a:80", AddressError::BadHost),
            ("a  b:80", AddressError::BadHost),
            (&format!("{}:80", "a".repeat(256)), AddressError::BadHost),
            ("h:", AddressError::BadPort),
            ("h:65536", AddressError::BadPort),
            ("h:+1", AddressError::BadPort),
        ] {
            assert_eq!(text.parse::<NodeAddress>(), Err(error), "{text}");
        }
    }

    #[test]
    fn addresses_are_read_as_they_are_shown() {
        for host in [
            "10.0.1.10",
            "",
            "::1",
            "a/b",
            "a\u{1b}\n",
            r"a\u{1b}\",
            "a  b -> c:1 ",
        ] {
            let node = NodeAddress::new(host, 25_520);
            let shown = node.to_string();
            assert_eq!(NodeAddress::from_shown(&shown), Ok(node), "{shown}");
        }
        for (text, error) in [
            ("nowhere", AddressError::NoPort),
            ("h:", AddressError::BadPort),
            ("h:65536", AddressError::BadPort),
        ] {
            assert_eq!(NodeAddress::from_shown(text), Err(error), "{text}");
        }
    }

    #[test]
    fn uris_of_both_forms_round_trip() {
        for uri in [
            "casty://interop@127.0.0.1:33010/_cluster/_topology",
            "casty://interop-client@127.0.0.1:0/_ask/d9c58575cce248e6a12742cd79c52373",
            "casty://local/actor",
            "casty://s@host name:1/with space/ü",
            "casty://s@h:1//double",
        ] {
            let parsed = ActorUri::parse(uri).unwrap();
            assert_eq!(
                (parsed.to_raw(), parsed.to_string()),
                (uri.to_owned(), uri.to_owned())
            );
        }
        let uri = ActorUri::parse("casty://s@h:1/a/b").unwrap();
        assert_eq!(
            (uri.system, uri.node, uri.path),
            ("s", Some(("h", 1)), "/a/b")
        );
        assert_eq!(uri.node_address(), Some(NodeAddress::new("h", 1)));
        let local = ActorUri::parse("casty://local/actor").unwrap();
        assert_eq!(local.node_address(), None);
    }

    #[test]
    fn addresses_that_a_peer_has_chosen_are_shown_escaped_and_kept_exact() {
        let node = NodeAddress::new("a\u{1b}[2J\n\u{202e}", 1);
        assert_eq!(node.to_string(), r"a\u{1b}[2J\n\u{202e}:1");
        assert_eq!(format!("{node:?}"), node.to_string());
        assert_eq!(node.to_raw(), "a\u{1b}[2J\n\u{202e}:1");
        assert_eq!(node.host(), "a\u{1b}[2J\n\u{202e}");
        let raw = "casty://s\r@h\u{9b}:1/p\u{7f}";
        let uri = ActorUri::parse(raw).unwrap();
        assert_eq!(uri.to_string(), r"casty://s\r@h\u{9b}:1/p\u{7f}");
        assert_eq!(uri.to_raw(), raw);
        let long = NodeAddress::new("a".repeat(1 << 20), 1);
        assert!(long.to_string().len() < 2_000, "as much as logs show");
    }

    #[test]
    fn malformed_uris_are_refused_with_the_reason() {
        for (uri, error) in [
            ("http://s@h:1/p", AddressError::NotCasty),
            ("casty://s@h:1", AddressError::NoPath),
            ("casty://s@h:1/", AddressError::NoPath),
            ("casty://s@h:1/a\nb", AddressError::NoPath),
            ("casty://@h:1/p", AddressError::NoSystem),
            ("casty:///p", AddressError::NoSystem),
            ("casty://s@h/p", AddressError::NoPort),
            ("casty://s@:1/p", AddressError::NoHost),
            ("casty://s@::1/p", AddressError::NoHost),
            ("casty://s@h:70000/p", AddressError::BadPort),
        ] {
            assert_eq!(ActorUri::parse(uri), Err(error), "{uri}");
        }
    }
}
