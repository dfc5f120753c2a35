//! One side of a simulated connection, as a stream.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::connection::{Connection, Side};
use super::network::Network;
use super::tamper::Ending;
use crate::wake::{Timer, remember};

/// Bytes that a slow reader takes at a time.
const TRICKLE: usize = 256;
/// The pause of a slow reader after each read.
const DRIP: Duration = Duration::from_millis(10);

/// One side of a connection, as a stream.
pub(super) struct End {
    connection: Arc<Connection>,
    network: Network,
    side: Side,
    timer: Timer,
    /// The end of a slow reader's pause.
    pause: Option<Instant>,
}

impl End {
    /// Makes the stream of a side.
    pub(super) fn new(connection: &Arc<Connection>, network: &Network, side: Side) -> Self {
        Self {
            connection: Arc::clone(connection),
            network: network.clone(),
            side,
            timer: Timer::default(),
            pause: None,
        }
    }

    /// Returns how many bytes this side wrote that the peer's kernel does not have.
    pub(super) fn unacknowledged(&self) -> usize {
        let mut state = self.connection.lock();
        let outward = state.to(self.side.other());
        outward.settle(Instant::now());
        outward.unacknowledged()
    }

    /// Reads what has arrived.
    ///
    /// # Errors
    /// The time before which nothing arrives.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Result<Poll<io::Result<()>>, Instant> {
        let now = Instant::now();
        let slow = self.side == Side::Node && self.network.is_slow(&self.connection.node);
        let pause = self.pause.filter(|until| slow && *until > now);
        let mut guard = self.connection.lock();
        let state = &mut *guard;
        if state.is_reset(self.side) {
            return Ok(Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
        }
        let inward = state.to(self.side);
        // Before the look at what has arrived, in one lock: what arrives after it wakes the reader.
        remember(&mut inward.reader, cx);
        if let Some(until) = pause {
            return Err(until);
        }
        inward.settle(now);
        let most = if slow { TRICKLE } else { usize::MAX };
        if inward.read(buffer, most) > 0 {
            self.pause = slow.then_some(now + DRIP);
            return Ok(Poll::Ready(Ok(())));
        }
        match inward.ending.filter(|_| inward.is_drained()) {
            Some(Ending::Closed) => return Ok(Poll::Ready(Ok(()))),
            Some(Ending::Reset) => {
                return Ok(Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
            }
            None => {}
        }
        inward.due().map_or(Ok(Poll::Pending), Err)
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
                Err(due) => ready!(this.timer.poll(due, cx)),
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
            let mut guard = this.connection.lock();
            let state = &mut *guard;
            // The other side is no more: its kernel answers with a reset.
            if state.is_gone(other) && !state.half_open {
                state.reset(side, Instant::now());
            }
            if state.is_reset(side) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            let outward = state.to(other);
            let capacity = outward.capacity(bytes.len(), cx);
            if capacity == 0 {
                return Poll::Pending;
            }
            outward.take(&bytes[..capacity]);
            while let Some(frame) = outward.next_frame() {
                frames.push(frame);
            }
            capacity
        };
        // Without the lock: the network takes its own, which comes before this one.
        for frame in frames {
            this.network.carry(&this.connection, other, frame);
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (side, other) = (self.side, self.side.other());
        let due = self.network.arrival(&self.connection.node, other);
        let mut state = self.connection.lock();
        if state.is_gone(other) && !state.half_open {
            state.reset(side, Instant::now());
        }
        let due = due.filter(|_| !state.forgotten);
        state.to(other).end(Ending::Closed, due);
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let (side, other) = (self.side, self.side.other());
        let due = self.network.arrival(&self.connection.node, other);
        let now = Instant::now();
        let mut state = self.connection.lock();
        state.leave(side);
        let both = state.is_gone(other);
        let untold = state.forgotten || state.half_open && side == Side::Node;
        let inward = state.to(side);
        inward.settle(now);
        let unread = inward.has_unread();
        inward.sever(now);
        if untold {
            // The reader waits for what never comes.
            state.to(other).stall(now);
        } else if unread {
            // The kernel tells the writer that its bytes were not read.
            state.reset(other, now);
        } else {
            state.to(other).end(Ending::Closed, due);
        }
        drop(state);
        if both {
            self.network.ended(self.connection.number);
        }
    }
}
