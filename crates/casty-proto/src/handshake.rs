//! Handshakes: each side's first frame, `{"host": .., "port": ..}`.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use crate::NodeAddress;
use crate::frame::{self, FrameError, FrameKind};

/// The first frame of each side, which announces its address: a node's canonical one, or a client's,
/// to which nodes send their answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handshake {
    /// The announced address.
    pub address: NodeAddress,
}

/// The longest payload of a handshake in bytes.
///
/// Beyond it, the connection is refused (`HandshakeError::TooLong`).
pub const MAX_HANDSHAKE: usize = 4096;

#[derive(Serialize)]
struct Written<'a> {
    host: &'a str,
    port: u16,
}

#[derive(Deserialize)]
struct Read {
    host: String,
    #[serde(deserialize_with = "port")]
    port: u16,
}

/// Reads a port, which may be a text: nodes pass it through Python's `int()`.
fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    /// The visitor that takes a number or a text, and enters nothing that nests.
    struct Port;
    impl Visitor<'_> for Port {
        type Value = u16;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a port")
        }

        fn visit_u64<E: Error>(self, port: u64) -> Result<u16, E> {
            u16::try_from(port).map_err(E::custom)
        }

        fn visit_str<E: Error>(self, port: &str) -> Result<u16, E> {
            port.trim().parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Port)
}

impl Handshake {
    /// Returns a handshake that announces `address`.
    pub fn new(address: NodeAddress) -> Self {
        Self { address }
    }

    /// Appends the whole frame to `out`.
    ///
    /// # Errors
    /// The host is longer than a handshake may be.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let written = Written {
            host: self.address.host(),
            port: self.address.port(),
        };
        let payload = serde_json::to_vec(&written).unwrap_or_default();
        frame::write_frame(out, FrameKind::Handshake, &[&payload], MAX_HANDSHAKE)
    }

    /// Reads the payload of a handshake frame. Unknown keys are ignored, as nodes ignore them.
    ///
    /// # Errors
    /// The payload is no JSON object with a host and a port: the peer is no Casty node.
    pub fn read(payload: &[u8]) -> Result<Self, HandshakeError> {
        if payload.len() > MAX_HANDSHAKE {
            return Err(HandshakeError::TooLong {
                length: payload.len(),
            });
        }
        let read: Read = serde_json::from_slice(payload).map_err(|_| HandshakeError::Malformed)?;
        Ok(Self {
            address: NodeAddress::new(read.host, read.port),
        })
    }
}

/// The error of a peer's handshake that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The payload is no object with a host and a port.
    #[error("not a handshake: no JSON object with a host and a port")]
    Malformed,
    /// The payload is longer than any handshake.
    #[error("not a handshake: {length} bytes")]
    TooLong {
        /// The payload's length in bytes.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_of_nodes_and_clients_are_read() {
        for (text, host, port) in [
            (
                r#"{"host": "127.0.0.1", "port": 33012}"#,
                "127.0.0.1",
                33012,
            ),
            (r#"{"port":"7","host":"a","more":[1]}"#, "a", 7),
        ] {
            let read = Handshake::read(text.as_bytes()).unwrap();
            assert_eq!(read.address, NodeAddress::new(host, port));
        }
    }

    #[test]
    fn a_port_that_nests_is_refused_on_a_stack_of_64_kib() {
        let text = |levels| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            format!("{{\"host\": \"a\", \"port\": {open}{close}}}")
        };
        let read = move || {
            for levels in [1, 120, 2000] {
                let read = Handshake::read(text(levels).as_bytes());
                assert_eq!(read, Err(HandshakeError::Malformed));
            }
        };
        let thread = std::thread::Builder::new().stack_size(64 * 1024);
        thread.spawn(read).unwrap().join().unwrap();
    }

    #[test]
    fn other_payloads_are_refused() {
        for text in [
            "",
            "GET / HTTP/1.1",
            "[]",
            r#"{"host":"a"}"#,
            r#"{"host":"a","port":70000}"#,
        ] {
            assert_eq!(
                Handshake::read(text.as_bytes()),
                Err(HandshakeError::Malformed),
                "{text}"
            );
        }
        let long = vec![b' '; MAX_HANDSHAKE + 1];
        assert_eq!(
            Handshake::read(&long),
            Err(HandshakeError::TooLong { length: long.len() })
        );
        let mut longest = br#"{"host":"a","port":7}"#.to_vec();
        longest.resize(MAX_HANDSHAKE, b' ');
        assert_eq!(
            Handshake::read(&longest).unwrap().address,
            NodeAddress::new("a", 7)
        );
    }

    #[test]
    fn the_written_frame_is_read_again() {
        let mut out = Vec::new();
        Handshake::new(NodeAddress::new("127.3.2.1", 0))
            .write(&mut out)
            .unwrap();
        assert_eq!(&out[4..], b"\0{\"host\":\"127.3.2.1\",\"port\":0}");
        assert_eq!(
            Handshake::read(&out[5..]).unwrap().address,
            NodeAddress::new("127.3.2.1", 0)
        );
    }
}
