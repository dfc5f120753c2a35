//! One simulated connection: its two directions, and the state of its two sides.

use std::sync::Arc;

use casty_proto::NodeAddress;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::direction::Direction;

/// A side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The side that dialled.
    Client,
    /// The side that listened.
    Node,
}

impl Side {
    /// Returns the side across.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Node,
            Self::Node => Self::Client,
        }
    }
}

/// A connection, from its dial to the end of both sides.
pub(super) struct Connection {
    pub(super) number: u64,
    /// The client that dialled, as the world names it.
    pub(super) client: Arc<str>,
    pub(super) node: NodeAddress,
    /// Taken while the network's lock is held, never the other way round.
    state: Mutex<State>,
}

/// The directions and the sides of a connection.
#[derive(Default)]
pub(super) struct State {
    to_client: Direction,
    to_node: Direction,
    /// Sides whose next read or write fails.
    reset: [bool; 2],
    /// Sides that are no more.
    gone: [bool; 2],
    /// True once the node's side vanished without a word: the client is not told.
    pub(super) half_open: bool,
    /// True once the network has forgotten it: nothing gets to either side any more.
    pub(super) forgotten: bool,
    /// The address that the client announced.
    pub(super) announced: Option<NodeAddress>,
}

impl State {
    /// Returns the direction that leads to a side.
    pub(super) fn to(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.to_client,
            Side::Node => &mut self.to_node,
        }
    }

    /// Returns whether the node still reads bytes of a client that has closed its side.
    pub(super) fn is_half_closed(&self) -> bool {
        self.is_gone(Side::Client) && !self.is_gone(Side::Node)
    }

    /// Returns whether a side is no more.
    pub(super) fn is_gone(&self, side: Side) -> bool {
        self.gone[side as usize]
    }

    /// Returns whether the next read or write of a side fails.
    pub(super) fn is_reset(&self, side: Side) -> bool {
        self.reset[side as usize]
    }

    /// Notes that a side is no more.
    pub(super) fn leave(&mut self, side: Side) {
        self.gone[side as usize] = true;
    }

    /// Resets one side: what it has not read is lost to it, and what it sent does not arrive.
    pub(super) fn reset(&mut self, side: Side, now: Instant) {
        self.reset[side as usize] = true;
        self.to(side).sever(now);
        self.to(side.other()).sever(now);
    }
}

impl Connection {
    /// Makes a connection with nothing under way.
    pub(super) fn new(number: u64, client: Arc<str>, node: NodeAddress) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self {
            number,
            client,
            node,
            state,
        })
    }

    /// Locks the state.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Has nothing get to either side any more. Neither is told.
    pub(super) fn forget(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        (state.half_open, state.forgotten) = (true, true);
        state.to(Side::Client).stall(now);
        state.to(Side::Node).stall(now);
    }

    /// Resets the node's side if the network has forgotten the connection: its kernel has noticed.
    pub(super) fn notice(&self) {
        let mut state = self.lock();
        if state.forgotten {
            state.reset(Side::Node, Instant::now());
        }
    }

    /// Resets both sides at once, unless the network has forgotten the connection.
    pub(super) fn cut(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.forgotten {
            return;
        }
        state.reset(Side::Client, now);
        state.reset(Side::Node, now);
    }
}
