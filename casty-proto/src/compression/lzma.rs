//! .xz, and .lzma to read.

use liblzma::stream::{Action, Check, Filters, LzmaOptions, Status, Stream};

use super::stream::{self, Step};
use crate::DecodeError;

/// What a reader may set aside: enough for every level, the dictionary of the highest being
/// 64 MiB. Only as much of it is touched as there is output.
const MEMORY: u64 = 66 * 1024 * 1024;

/// The smallest dictionary.
const DICTIONARY: usize = 4096;

pub(super) fn compress(level: u8, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut to = writer(level, input.len())?;
    stream::write(input, out, |rest, out| {
        let status = to.process_vec(rest, out, Action::Finish).ok()?;
        Some(Step {
            taken: to.total_in(),
            ended: status == Status::StreamEnd,
        })
    })
}

/// As Python's, with a dictionary no larger than the message can use: the highest level would take
/// 674 MiB to write a few bytes, and make every reader set 64 MiB aside.
fn writer(level: u8, len: usize) -> Option<Stream> {
    let mut options = LzmaOptions::new_preset(level.into()).ok()?;
    let preset = match level {
        0 => 18,
        1 => 20,
        2 => 21,
        3 | 4 => 22,
        5 | 6 => 23,
        7 => 24,
        8 => 25,
        _ => 26,
    };
    let dictionary = len.clamp(DICTIONARY, 1 << preset);
    options.dict_size(u32::try_from(dictionary).ok()?);
    Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::Crc64).ok()
}

pub(super) fn decompress(input: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let what = "what lzma cannot read";
    let mut from =
        Stream::new_auto_decoder(MEMORY, 0).map_err(|_| DecodeError::Malformed { what, at: 0 })?;
    stream::read(input, max, what, out, |rest, out| {
        let status = from.process_vec(rest, out, Action::Run).ok()?;
        Some(Step {
            taken: from.total_in(),
            ended: status == Status::StreamEnd,
        })
    })
}
