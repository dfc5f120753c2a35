//! .xz; .lzma is read as well.

use liblzma::stream::{Action, Check, Filters, LzmaOptions, Status, Stream};

use super::stream::{self, Step};
use crate::DecodeError;

/// The memory that a reader may allocate: enough for every level, the dictionary of the highest being
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

/// Returns a writer like Python's, its dictionary no larger than the message can use: the highest
/// level would take 674 MiB to write a few bytes, and make every reader allocate 64 MiB.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the dictionary that the first block of an .xz stream announces, as a power of two.
    fn announced(level: u8, len: usize) -> u8 {
        let mut out = Vec::with_capacity(4096);
        let mut to = writer(level, len).unwrap();
        to.process_vec(b"x", &mut out, Action::Finish).unwrap();
        // Behind the stream's header, the block's: its size, its flags, LZMA2 and one property.
        let [size, flags, 0x21, 1, property, ..] = out[12..] else {
            panic!("{out:x?}");
        };
        assert!(size > 0 && flags == 0 && property % 2 == 0, "{out:x?}");
        property / 2 + 12
    }

    #[test]
    fn a_dictionary_is_as_large_as_the_level_has_it_and_no_larger_than_the_message() {
        let levels = [18, 20, 21, 22, 22, 23, 23, 24, 25];
        for (level, dictionary) in (0..).zip(levels) {
            assert_eq!(announced(level, 1 << 30), dictionary, "level {level}");
            assert_eq!(announced(level, 1 << 17), 17);
            assert_eq!(announced(level, 0), 12);
        }
        assert_eq!(announced(9, 1 << 17), 17);
    }
}
