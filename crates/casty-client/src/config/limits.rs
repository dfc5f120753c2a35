//! The times and limits of a client.

use std::time::Duration;

use casty_proto::Limits;
use casty_proto::frame::DEFAULT_MAX_FRAME;
use casty_routing::{Overflow, RetryBudgetConfig, RouterConfig, ShardCounts};
use casty_transport::ConnectOptions;

/// The range of attempts, which is how many times the message of one ask is sent at most.
pub(crate) const ATTEMPTS: std::ops::RangeInclusive<u32> = 1..=100;

/// The longest frame that the protocol can carry.
const FRAME_OF_WIRE: usize = u32::MAX as usize;

/// The limits of the pending buffer, in which messages wait for a route.
///
/// Messages for one node, or without a known node, take no more of it than they leave free: one
/// node that cannot be reached has half of it at most. A message that finds it full is refused with
/// [`BufferFull`](crate::TellError::BufferFull).
///
/// ```
/// use casty_client::BufferLimits;
///
/// let limits = BufferLimits::default().messages(1_000).bytes(1024 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct BufferLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Default for BufferLimits {
    fn default() -> Self {
        Self {
            messages: 65_536,
            bytes: 64 * 1024 * 1024,
        }
    }
}

impl BufferLimits {
    /// Sets the number of messages. Default: 65,536; at least 1.
    pub fn messages(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }

    /// Sets the sum of the messages' bytes. Default: 64 MiB; at least 4 KiB.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

/// The times and bounds of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientLimits {
    pub(crate) ask_timeout: Duration,
    pub(crate) buffer_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    /// The time for one question to a discovery.
    ///
    /// Beyond it, a discovery has failed that has not answered, which `ready` and `discovery_failure` tell;
    /// `ClientBuilder::discovery_timeout` sets it.
    pub(crate) discovery_timeout: Duration,
    pub(crate) outbox_bytes: usize,
    pub(crate) outbox_messages: usize,
    pub(crate) buffer: BufferLimits,
    pub(crate) buffer_overflow: Overflow,
    pub(crate) shard_counts: ShardCounts,
    pub(crate) pending_asks: usize,
    pub(crate) ask_bytes: usize,
    pub(crate) ask_attempts: u32,
    pub(crate) retry_budget: RetryBudgetConfig,
    pub(crate) max_frame: usize,
    pub(crate) max_inbound_frame: usize,
    pub(crate) inbound_bytes: usize,
    /// The bounds of decoding one message.
    pub(crate) decoding: Limits,
    pub(crate) mailbox: usize,
    pub(crate) mailbox_bytes: usize,
    /// The most actors and streams that a client has at a time.
    ///
    /// Beyond it, the next one is refused (`SpawnError::TooMany`, `StreamError::TooMany`).
    pub(crate) actors: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            ask_timeout: Duration::from_secs(5),
            buffer_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            discovery_timeout: Duration::from_secs(5),
            outbox_bytes: 1024 * 1024,
            outbox_messages: 65_536,
            buffer: BufferLimits::default(),
            buffer_overflow: Overflow::Refuse,
            shard_counts: ShardCounts::Lenient,
            pending_asks: 65_536,
            ask_bytes: 16 * 1024 * 1024,
            ask_attempts: 3,
            retry_budget: RetryBudgetConfig::default(),
            max_frame: DEFAULT_MAX_FRAME,
            max_inbound_frame: Limits::new().bytes,
            inbound_bytes: 1 << 30,
            decoding: Limits::new(),
            mailbox: 16_384,
            mailbox_bytes: 16 * 1024 * 1024,
            actors: 1024,
        }
    }
}

impl ClientLimits {
    /// Refuses a value outside its range, with its name and the range.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let lasts = |time: Duration| time.as_millis() >= 1;
        let long = "1ms or more";
        let checks = [
            ("ask_timeout", long, lasts(self.ask_timeout)),
            ("buffer_timeout", long, lasts(self.buffer_timeout)),
            ("connect_timeout", long, lasts(self.connect_timeout)),
            ("discovery_timeout", long, lasts(self.discovery_timeout)),
            ("outbox_bytes", "4096 or more", self.outbox_bytes >= 4096),
            ("outbox_messages", "1 or more", self.outbox_messages >= 1),
            ("buffer_messages", "1 or more", self.buffer.messages >= 1),
            ("buffer_bytes", "4096 or more", self.buffer.bytes >= 4096),
            ("pending_asks", "1 or more", self.pending_asks >= 1),
            ("ask_bytes", "4096 or more", self.ask_bytes >= 4096),
            ("ask_attempts", "from 1 to 100", {
                ATTEMPTS.contains(&self.ask_attempts)
            }),
            ("retry_percent", "from 0 to 100", {
                self.retry_budget.percent <= 100
            }),
            ("max_frame", "from 4096 to 1073741824", {
                (4096..=1 << 30).contains(&self.max_frame)
            }),
            ("max_inbound_frame", "from 4096 to 4294967295", {
                (4096..=FRAME_OF_WIRE).contains(&self.max_inbound_frame)
            }),
            ("inbound_bytes", "4096 or more", self.inbound_bytes >= 4096),
            ("limits.bytes", "4096 or more", self.decoding.bytes >= 4096),
            ("limits.items", "1024 or more", self.decoding.items >= 1024),
            ("limits.depth", "from 16 to 256", {
                (16..=Limits::MAX_DEPTH).contains(&self.decoding.depth)
            }),
            ("mailbox", "1 or more", self.mailbox >= 1),
            ("mailbox_bytes", "4096 or more", self.mailbox_bytes >= 4096),
        ];
        match checks.into_iter().find(|(_, _, fine)| !fine) {
            Some((name, range, _)) => Err((name, range)),
            None => Ok(()),
        }
    }

    /// Returns the bytes that unfinished frames may hold on all connections: enough for the longest,
    /// for which as many have to be left free.
    pub(crate) fn inbound_bytes(&self) -> usize {
        self.inbound_bytes
            .max(self.max_inbound_frame.saturating_mul(2))
    }

    /// Returns the options of connections.
    pub(crate) fn connecting(&self) -> ConnectOptions {
        ConnectOptions::new()
            .connect_timeout(self.connect_timeout)
            .handshake_timeout(self.connect_timeout)
            .max_frame(self.max_inbound_frame)
    }

    /// Returns the configuration of the router.
    pub(crate) fn routing(&self) -> RouterConfig {
        let mut config = RouterConfig::default();
        config.buffer_messages = self.buffer.messages;
        config.buffer_bytes = self.buffer.bytes;
        config.overflow = self.buffer_overflow;
        config.shard_counts = self.shard_counts;
        config
    }
}
