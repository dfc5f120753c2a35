//! The limits of a proxy.

use std::time::Duration;

/// The limits of what a proxy takes on. Setters take and give the value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[must_use]
pub struct ProxyLimits {
    pub(super) connections: usize,
    pub(super) handshakes: usize,
    pub(super) idle: Duration,
    pub(super) connect: Duration,
    pub(super) buffer: usize,
}

impl Default for ProxyLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            handshakes: 256,
            idle: Duration::from_mins(10),
            connect: Duration::from_secs(2),
            buffer: 64 * 1024,
        }
    }
}

impl ProxyLimits {
    /// Creates the defaults: 1024 connections, 256 handshakes, 10 min without a byte, 2 s to connect, 64 KiB of
    /// buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of connections at the same time; those beyond are closed at once. Default:
    /// 1024; at least 1.
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Sets the number of diallers at the same time that have not finished their TLS handshake; those
    /// beyond are closed at once. They take no place of the connections, so that nobody without a
    /// certificate keeps others out. Default: 256; at least 1.
    pub fn handshakes(mut self, most: usize) -> Self {
        self.handshakes = most.max(1);
        self
    }

    /// Sets the time that a connection may go without a byte in either direction before it is
    /// closed. Default: 10 min.
    pub fn idle(mut self, longest: Duration) -> Self {
        self.idle = longest;
        self
    }

    /// Sets the time that a dial of the node may take; the TLS handshake with a dialler before it
    /// may take as long again. Default: 2 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// Sets the number of bytes of each direction of a connection that the proxy itself holds at
    /// most. Default: 64 KiB; at least 1.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes.max(1);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_by_itself() {
        let seconds = Duration::from_secs;
        let limits = ProxyLimits::new().connections(3).handshakes(4);
        let limits = limits
            .buffer(5)
            .idle(seconds(6))
            .connect_timeout(seconds(7));
        let expected = ProxyLimits {
            connections: 3,
            handshakes: 4,
            buffer: 5,
            idle: seconds(6),
            connect: seconds(7),
        };
        assert_eq!(limits, expected);
    }
}
