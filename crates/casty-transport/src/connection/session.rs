//! The receiver of what comes in on a connection.

use casty_proto::frame::{BorrowedFrame, Frame};

/// A connection's owner, as the receiver of the frames that come in.
///
/// Called from the driver's task: it must not block. All frames of one read are handed over
/// before [`batch_end`](Self::batch_end), so that wake-ups can be gathered.
pub trait Session: Send {
    /// Takes one frame that came in.
    fn frame(&mut self, frame: Frame);

    /// Takes one frame that came in, where it lies in the read buffer, if nothing of it is kept beyond
    /// the call. Returns whether it did: if not, the frame is handed over [whole](Self::frame), which
    /// costs reference counts. Default: it does not.
    fn borrowed(&mut self, frame: BorrowedFrame<'_>) -> bool {
        let _ = frame;
        false
    }

    /// Takes note of the bytes that the connection holds of a frame that is not whole yet, beyond the
    /// 256 KiB that any connection may hold. Returns whether it may: if not, the frame is handled as
    /// one [over the limit](Self::too_long). Default: it may, and the frame's limit is the only one.
    ///
    /// Called before so much has come in, and with 0 once the memory is given back, but not when the
    /// connection ends: the session is dropped then.
    fn holds(&mut self, bytes: usize) -> bool {
        let _ = bytes;
        true
    }

    /// Takes note of a message that is not read because its frame of `length` bytes is over the
    /// limit, or may not be [held](Self::holds): of its header, which can be
    /// [read](casty_proto::header::Header::read) by itself. Returns whether the rest of the frame is
    /// skipped as it comes and the connection goes on. Default: it does not, and the connection ends.
    ///
    /// Called once for each such frame, unless it is no message, or its header is longer than 4 KiB:
    /// these end the connection, and so does a frame of more than 1 GiB.
    fn too_long(&mut self, header: &[u8], length: usize) -> bool {
        let _ = (header, length);
        false
    }

    /// Notes that everything read at once was handed over. Returns the number of tasks that were
    /// woken and are likely to send soon; the driver lets them run before it writes.
    fn batch_end(&mut self) -> usize {
        0
    }
}
