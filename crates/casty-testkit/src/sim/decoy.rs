//! The other listener, at an address that a name has besides that of its node.

use std::fmt;

use casty_transport::ByteStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The behaviour of something that accepts connections and is no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoy {
    /// It says nothing.
    Silent,
    /// It closes every connection.
    Closing,
    /// It speaks another protocol.
    Talking,
}

impl Decoy {
    pub(super) const ALL: [Self; 3] = [Self::Silent, Self::Closing, Self::Talking];

    /// Accepts a connection, and returns the dialler's end of it.
    pub(super) fn accept(self) -> ByteStream {
        let (near, far) = tokio::io::duplex(4_096);
        tokio::spawn(self.behave(far));
        ByteStream::new(near, self.to_string())
    }

    async fn behave(self, mut stream: DuplexStream) {
        match self {
            Self::Silent => {}
            Self::Closing => return,
            Self::Talking => {
                let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).await.ok();
            }
        }
        // Until the dialler gives up.
        stream.read_to_end(&mut Vec::new()).await.ok();
    }
}

impl fmt::Display for Decoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {self:?} decoy")
    }
}
