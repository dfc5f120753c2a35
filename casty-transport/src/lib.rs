//! Byte streams for Casty: TCP and memory, framed connections with handshake and bounded outboxes.

pub mod driver;
pub mod outbox;
