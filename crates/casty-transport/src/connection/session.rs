//! The receiver of what comes in on a connection.

use casty_proto::frame::Frame;

/// A connection's owner, as the receiver of the frames that come in.
///
/// Called from the driver's task: it must not block. All frames of one read are handed over
/// before [`batch_end`](Self::batch_end), so that wake-ups can be gathered.
pub trait Session: Send {
    /// Takes one frame that came in.
    fn frame(&mut self, frame: Frame);

    /// Notes that everything read at once was handed over. Returns the number of tasks that were
    /// woken and are likely to send soon; the driver lets them run before it writes.
    fn batch_end(&mut self) -> usize {
        0
    }
}
