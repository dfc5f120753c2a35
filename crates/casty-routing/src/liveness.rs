//! The decision which connections are probed because they are silent, and which are given up.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// The pace of [`Liveness`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LivenessConfig {
    /// The time between two looks at the connections. Default 1 s.
    pub look: Duration,
    /// The silence after which a connection is probed from which something is expected. Default
    /// 5 s.
    ///
    /// Beyond it, it is probed.
    pub silence: Duration,
    /// The time that a probed connection has to bring anything. Nodes that are only paused or busy
    /// come back within it most often. Default 9 s.
    ///
    /// Beyond it, the connection is given up, its node dialled anew, and what was written on it is of unknown
    /// fate.
    pub answer: Duration,
}

impl Default for LivenessConfig {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(1),
            silence: Duration::from_secs(5),
            answer: Duration::from_secs(9),
        }
    }
}

/// A connection as it is found at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObservedConnection {
    /// The number of the connection, which no other ever has.
    pub connection: u32,
    /// A number that grows with every read that brings bytes.
    pub received: u64,
    /// The bytes that were ever accepted to be sent.
    pub accepted: u64,
    /// The bytes of these that the kernel has taken.
    pub sent: u64,
    /// `true` if the node may send at any time, asked or not.
    pub awaited: bool,
}

/// An event that [`Liveness`] is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LivenessInput {
    /// All connections as they are now. Those that are not among them are forgotten.
    Looked(Vec<ObservedConnection>),
    /// The order of a [`LivenessOutput::Probe`] was carried out.
    Probed {
        /// The number of the connection.
        connection: u32,
        /// The bytes that were ever accepted to be sent on it, the probe included.
        accepted: u64,
    },
}

/// An order of [`Liveness`] to its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LivenessOutput {
    /// Send something harmless that the node answers at once, and tell of it with
    /// [`LivenessInput::Probed`].
    Probe {
        /// The number of the connection.
        connection: u32,
    },
    /// End the connection as one that was lost: it is dead, whatever the kernel says.
    GiveUp {
        /// The number of the connection.
        connection: u32,
        /// The time since its last sign of life.
        silent: Duration,
    },
    /// Look at all connections then and tell of them with [`LivenessInput::Looked`]; `None` if
    /// there are none.
    Wait(Option<Instant>),
}

/// The engine that tells dead connections from idle ones.
///
/// A connection may be dead without an end: the other host lost its power, or a router forgot the
/// connection and drops what comes on it. A kernel that is not asked to look never notices that it
/// receives nothing, and for a quarter of an hour not that nothing is acknowledged. So silence is
/// looked at from above as well, whatever the transport: a connection from which something is
/// expected, and that brings nothing, is probed, and given up when no answer comes. It is lost then
/// like any other, and what was written on it may have arrived.
///
/// Something is expected if the node may send at any time ([`ObservedConnection::awaited`]), or if
/// anything was sent since the last sign of life. An idle connection is left alone. A sign of life
/// is anything that comes in, and room in a kernel that had none: the other end has acknowledged
/// something then.
///
/// Time in which nobody looked, because this process or its runtime stood still, is no silence of
/// others: of a longer gap between two looks one interval counts.
///
/// Memory: an entry for each connection.
///
/// ```
/// # use std::time::{Duration, Instant};
/// use casty_routing::{
///     Liveness, LivenessConfig, LivenessInput, LivenessOutput, ObservedConnection,
/// };
///
/// let mut liveness = Liveness::new(LivenessConfig::default());
/// let silent = ObservedConnection {
///     connection: 1,
///     received: 0,
///     accepted: 0,
///     sent: 0,
///     awaited: true,
/// };
/// let mut now = Instant::now();
/// let mut done = Vec::new();
/// while done.len() < 2 {
///     liveness.handle(now, LivenessInput::Looked(vec![silent]));
///     loop {
///         match liveness.poll() {
///             LivenessOutput::Wait(look) => break now = look.unwrap(),
///             order => done.push(order),
///         }
///     }
/// }
/// assert_eq!(done[0], LivenessOutput::Probe { connection: 1 });
/// let silent = Duration::from_secs(14);
/// assert_eq!(done[1], LivenessOutput::GiveUp { connection: 1, silent });
/// ```
#[derive(Debug)]
pub struct Liveness {
    config: LivenessConfig,
    connections: BTreeMap<u32, Watch>,
    /// The time of the last look.
    looked: Option<Instant>,
    outputs: VecDeque<LivenessOutput>,
}

/// The state of one connection.
#[derive(Debug)]
struct Watch {
    /// The connection as it was at the last look.
    last: ObservedConnection,
    /// The bytes that were accepted up to then, and for a probe since.
    offered: u64,
    /// The look at which the last sign of life was found.
    since: Instant,
    /// The bytes that were accepted before the last sign of life, at the least.
    answered: u64,
    phase: Phase,
}

/// The stage of a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is not long, or nothing is expected.
    Quiet,
    /// It was probed then.
    Probed(Instant),
    /// It was given up.
    GivenUp,
}

impl Liveness {
    /// Creates an engine that knows of no connection.
    pub fn new(config: LivenessConfig) -> Self {
        Self {
            config,
            connections: BTreeMap::new(),
            looked: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in an event; [`poll`](Self::poll) then returns what to do.
    pub fn handle(&mut self, now: Instant, input: LivenessInput) {
        match input {
            LivenessInput::Looked(observed) => self.looked(now, &observed),
            LivenessInput::Probed {
                connection,
                accepted,
            } => {
                if let Some(watch) = self.connections.get_mut(&connection) {
                    watch.offered = watch.offered.max(accepted);
                }
            }
        }
    }

    /// Returns the next thing to do. To be called until it returns [`LivenessOutput::Wait`].
    #[must_use = "an output is returned once"]
    pub fn poll(&mut self) -> LivenessOutput {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| LivenessOutput::Wait(self.deadline()))
    }

    fn looked(&mut self, now: Instant, observed: &[ObservedConnection]) {
        self.leave_out_gap(now);
        self.looked = Some(now);
        let mut before = std::mem::take(&mut self.connections);
        for one in observed {
            let watch = before.remove(&one.connection);
            let mut watch = watch.unwrap_or_else(|| Watch::new(now, *one));
            watch.look(now, *one);
            let order = watch.judge(now, self.config);
            self.outputs.extend(order);
            self.connections.insert(one.connection, watch);
        }
    }

    /// Takes the time in which nobody looked out of all silences.
    fn leave_out_gap(&mut self, now: Instant) {
        let gap = self.looked.map(|last| now.saturating_duration_since(last));
        // Ticks come some milliseconds late.
        let late = gap.filter(|gap| *gap > self.config.look * 2);
        let Some(excess) = late.map(|gap| gap.saturating_sub(self.config.look)) else {
            return;
        };
        for watch in self.connections.values_mut() {
            watch.since += excess;
            if let Phase::Probed(at) = &mut watch.phase {
                *at += excess;
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let looked = self.looked.filter(|_| !self.connections.is_empty());
        looked.map(|looked| looked + self.config.look)
    }
}

impl Watch {
    fn new(now: Instant, first: ObservedConnection) -> Self {
        Self {
            last: first,
            offered: first.accepted,
            since: now,
            answered: 0,
            phase: Phase::Quiet,
        }
    }

    /// Takes note of a look.
    fn look(&mut self, now: Instant, seen: ObservedConnection) {
        let last = std::mem::replace(&mut self.last, seen);
        let offered = std::mem::replace(&mut self.offered, seen.accepted);
        let heard = seen.received != last.received;
        // The kernel has no room, now as before, and has taken more.
        let waits = |seen: ObservedConnection| seen.accepted > seen.sent;
        let acknowledged = waits(last) && waits(seen) && seen.sent > last.sent;
        if heard || acknowledged {
            self.since = now;
            if self.phase != Phase::GivenUp {
                self.phase = Phase::Quiet;
            }
        }
        if heard {
            // What was sent since the look before may have come behind what was heard.
            self.answered = offered;
        }
    }

    /// Returns the order that is due.
    fn judge(&mut self, now: Instant, config: LivenessConfig) -> Option<LivenessOutput> {
        let connection = self.last.connection;
        let silent = now.saturating_duration_since(self.since);
        let expected = self.last.awaited || self.last.accepted > self.answered;
        match self.phase {
            Phase::Quiet if expected && silent >= config.silence => {
                self.phase = Phase::Probed(now);
                Some(LivenessOutput::Probe { connection })
            }
            Phase::Probed(at) if now.saturating_duration_since(at) >= config.answer => {
                self.phase = Phase::GivenUp;
                Some(LivenessOutput::GiveUp { connection, silent })
            }
            Phase::Quiet | Phase::Probed(_) | Phase::GivenUp => None,
        }
    }
}

#[cfg(test)]
mod tests;
