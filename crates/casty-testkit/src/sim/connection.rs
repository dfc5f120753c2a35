//! One simulated connection: two lanes, and its two ends as streams.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use casty_proto::NodeAddress;
use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::direction::{Lane, remember};
use super::network::Network;
use super::tamper::Ending;

/// The side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Who dialled.
    Client,
    /// Who listened.
    Node,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Node,
            Self::Node => Self::Client,
        }
    }
}

/// A slow reader takes so many bytes ...
const TRICKLE: usize = 256;
/// ... so often.
const DRIP: Duration = Duration::from_millis(10);

/// A connection, from its dial to the end of both sides.
pub(super) struct Wire {
    pub(super) number: u64,
    /// Who dialled, as the world names it.
    pub(super) client: Arc<str>,
    pub(super) node: NodeAddress,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// What comes to the client, and what comes to the node.
    to_client: Lane,
    to_node: Lane,
    /// Sides whose next read or write fails.
    reset: [bool; 2],
    /// Sides that are no more.
    gone: [bool; 2],
    /// The node's side vanished without a word: nobody tells the client.
    pub(super) half_open: bool,
    /// Who the client says it is.
    pub(super) announced: Option<NodeAddress>,
}

impl State {
    /// The lane that leads to a side.
    pub(super) fn to(&mut self, side: Side) -> &mut Lane {
        match side {
            Side::Client => &mut self.to_client,
            Side::Node => &mut self.to_node,
        }
    }

    /// Whether the node still reads what a client wrote that has closed its side.
    pub(super) fn is_remains(&self) -> bool {
        self.is_gone(Side::Client) && !self.is_gone(Side::Node)
    }

    pub(super) fn is_gone(&self, side: Side) -> bool {
        self.gone[side as usize]
    }

    /// Resets one side: what it has not read is lost to it, and what it sent does not arrive.
    pub(super) fn reset(&mut self, side: Side, now: Instant) {
        self.reset[side as usize] = true;
        self.to(side).sever(now);
        self.to(side.other()).sever(now);
    }
}

impl Wire {
    pub(super) fn new(number: u64, client: Arc<str>, node: NodeAddress) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self {
            number,
            client,
            node,
            state,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Resets both sides at once.
    pub(super) fn cut(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        state.reset(Side::Client, now);
        state.reset(Side::Node, now);
    }
}

/// One side of a connection, as a stream.
pub(super) struct End {
    wire: Arc<Wire>,
    network: Network,
    side: Side,
    timer: Option<Pin<Box<Sleep>>>,
    /// A slow reader reads no more before.
    pause: Option<Instant>,
}

impl End {
    pub(super) fn new(wire: &Arc<Wire>, network: &Network, side: Side) -> Self {
        Self {
            wire: Arc::clone(wire),
            network: network.clone(),
            side,
            timer: None,
            pause: None,
        }
    }

    /// What the peer's kernel does not have, of what this side wrote.
    pub(super) fn unacknowledged(&self) -> usize {
        let mut state = self.wire.lock();
        let lane = state.to(self.side.other());
        lane.settle(Instant::now());
        lane.unacknowledged()
    }

    fn sleep_until(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        timer.as_mut().reset(due);
        timer.as_mut().poll(cx)
    }

    /// Reads what is there. Pending with a time: nothing comes before.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Result<Poll<io::Result<()>>, Instant> {
        let now = Instant::now();
        let slow = self.side == Side::Node && self.network.is_slow(&self.wire.node);
        let pause = self.pause.filter(|until| slow && *until > now);
        let mut guard = self.wire.state.lock();
        let state = &mut *guard;
        if state.reset[self.side as usize] {
            return Ok(Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
        }
        let lane = state.to(self.side);
        remember(&mut lane.reader, cx);
        if let Some(until) = pause {
            return Err(until);
        }
        lane.settle(now);
        let most = if slow { TRICKLE } else { usize::MAX };
        if lane.read(buffer, most) > 0 {
            self.pause = slow.then_some(now + DRIP);
            return Ok(Poll::Ready(Ok(())));
        }
        match lane.ending.filter(|_| lane.is_drained()) {
            Some(Ending::Closed) => return Ok(Poll::Ready(Ok(()))),
            Some(Ending::Reset) => {
                return Ok(Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
            }
            None => {}
        }
        lane.due().map_or(Ok(Poll::Pending), Err)
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.network.count();
        loop {
            match this.read(cx, buffer) {
                Ok(poll) => return poll,
                Err(due) => ready!(this.sleep_until(due, cx)),
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.network.count();
        let (side, other) = (this.side, this.side.other());
        let mut frames = Vec::new();
        let taken = {
            let mut guard = this.wire.state.lock();
            let state = &mut *guard;
            // Nobody is there any more, and the answer is a reset.
            if state.is_gone(other) && !state.half_open {
                state.reset(side, Instant::now());
            }
            if state.reset[side as usize] {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let lane = state.to(other);
            let room = lane.room(bytes.len(), cx);
            if room == 0 {
                return Poll::Pending;
            }
            lane.take(&bytes[..room]);
            while let Some(frame) = lane.next_frame() {
                frames.push(frame);
            }
            room
        };
        for frame in frames {
            this.network.carry(&this.wire, other, frame);
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (side, other) = (self.side, self.side.other());
        let due = self.network.arrival(&self.wire.node, other);
        let mut state = self.wire.lock();
        if state.is_gone(other) && !state.half_open {
            state.reset(side, Instant::now());
        }
        state.to(other).end(Ending::Closed, due);
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let (side, other) = (self.side, self.side.other());
        let due = self.network.arrival(&self.wire.node, other);
        let now = Instant::now();
        let mut state = self.wire.lock();
        state.gone[side as usize] = true;
        let both = state.is_gone(other);
        let half_open = state.half_open && side == Side::Node;
        let lane = state.to(side);
        lane.settle(now);
        let unread = lane.has_unread();
        lane.sever(now);
        if half_open {
            // The reader waits for what never comes.
            state.to(other).stall(now);
        } else if unread {
            // The kernel tells the writer that nobody has read that.
            state.reset(other, now);
        } else {
            state.to(other).end(Ending::Closed, due);
        }
        drop(state);
        if both {
            self.network.ended(self.wire.number);
        }
    }
}
