//! Decompressors: within the limit of their output, and the inverse of their compressors.

use std::mem::discriminant;

use casty_proto::{Codec, Compression, DecodeError, Limit, Limits, Value};

use crate::memory::{allowance, within};

/// The longest decompressed message in bytes.
const LIMIT: usize = 64 * 1024;

const LIMITS: Limits = Limits::new()
    .with_bytes(LIMIT)
    .with_depth(128)
    .with_items(1 << 20);

/// Returns the memory that a library takes for any input: windows, tables and blocks.
pub const fn overhead(compression: Compression) -> u64 {
    const MIB: u64 = 1024 * 1024;
    match compression {
        Compression::Bz2 => 4 * MIB,
        Compression::Lz4 => 12 * MIB,
        _ => 0,
    }
}

/// Checks that a decompressed message is within the limit, that its memory is in proportion, and that it
/// is the same after it was compressed and decompressed again.
fn check(compression: Compression, data: &[u8]) {
    let codec = Codec::json().compressed(compression);
    let allowed = allowance(data.len().max(LIMIT)) + overhead(compression);
    let value = within(allowed, compression.name(), || {
        codec.decode::<Value>(data, &LIMITS)
    });
    let plain = |message: &[u8]| {
        let mut plain = Vec::new();
        let again = codec.edit(message, &LIMITS, |bytes| plain = bytes.to_vec())?;
        Ok::<_, DecodeError>((plain, again))
    };
    let (first, again) = match plain(data) {
        Ok(both) => both,
        Err(error) => {
            // The offset at which a library notices a fault depends on the capacity of the output.
            let value = value.expect_err("the one fails, the other does not");
            assert_eq!(discriminant(&value), discriminant(&error));
            return;
        }
    };
    assert!(first.len() <= LIMIT);
    match plain(&again) {
        Ok((second, _)) => assert!(first == second, "{compression} is not undone"),
        // Content that cannot be compressed becomes a little longer.
        Err(DecodeError::Limit {
            limit: Limit::Bytes,
            ..
        }) => assert!(again.len() > LIMIT),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn zlib(data: &[u8]) {
    check(Compression::Zlib, data);
}

pub(crate) fn gzip(data: &[u8]) {
    check(Compression::Gzip, data);
}

pub(crate) fn bz2(data: &[u8]) {
    check(Compression::Bz2, data);
}

pub(crate) fn lzma(data: &[u8]) {
    check(Compression::Lzma, data);
}

pub(crate) fn lz4(data: &[u8]) {
    check(Compression::Lz4, data);
}
