//! Frames, handshakes, and the headers of messages.

use bytes::BytesMut;
use casty_proto::frame::{Frame, FrameDecoder, FrameError, write_frame};
use casty_proto::handshake::Handshake;
use casty_proto::header::{self, Header};
use casty_proto::message::ShardEnvelope;
use casty_proto::{Codec, Limits, Value};

use crate::memory::{allowance, within};

/// The longest accepted frame.
const MAX: usize = 4096;

/// Takes the frames off the front of a stream; the result is that of its end.
fn frames(buffer: &mut BytesMut, into: &mut Vec<Frame>) -> Result<(), FrameError> {
    while let Some(frame) = FrameDecoder::new(MAX).next(buffer)? {
        into.push(frame);
    }
    Ok(())
}

/// Checks that a stream is split into the same frames however it arrives, and that frames are written as
/// they were read.
pub(crate) fn frame(data: &[u8]) {
    let Some((step, stream)) = data.split_first() else {
        return;
    };
    let allowed = allowance(stream.len());
    let mut rest = BytesMut::from(stream);
    let mut whole = Vec::new();
    let end = within(allowed, "frames", || frames(&mut rest, &mut whole));

    let mut buffer = BytesMut::new();
    let mut pieces = Vec::new();
    let pieces_end = stream
        .chunks(usize::from(*step).max(1))
        .try_for_each(|piece| {
            buffer.extend_from_slice(piece);
            frames(&mut buffer, &mut pieces)
        });
    assert_eq!(whole, pieces);
    assert_eq!(end, pieces_end);

    let mut written = Vec::new();
    for frame in &whole {
        write_frame(&mut written, frame.kind, &[&frame.payload], MAX).expect("it was read");
    }
    written.extend_from_slice(&rest);
    assert_eq!(written, stream);
}

/// Checks that a handshake is read again as it was written, unless escapes make it too long.
pub(crate) fn handshake(data: &[u8]) {
    let allowed = allowance(data.len());
    let Ok(read) = within(allowed, "a handshake", || Handshake::read(data)) else {
        return;
    };
    let mut written = Vec::new();
    if read.write(&mut written).is_ok() {
        assert_eq!(Handshake::read(&written[5..]), Ok(read));
    }
}

/// Checks that a header is read again as it was written, and that both ways to split it off agree.
pub(crate) fn header(data: &[u8]) {
    let allowed = allowance(data.len());
    let cut = within(allowed, "a header's end", || header::split_payload(data));
    let split = within(allowed, "a header", || Header::split(data));
    let Ok((header, message)) = split else {
        return;
    };
    assert_eq!(cut.map(|(_, message)| message), Ok(message));
    let mut written = Vec::new();
    header.write(&mut written);
    written.extend_from_slice(message);
    assert_eq!(Header::split(&written), Ok((header, message)));
    within(allowance(message.len()), "an envelope", || {
        drop(Codec::json().decode::<ShardEnvelope<Value>>(message, &Limits::default()));
    });
}
