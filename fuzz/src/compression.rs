//! Decompressors: bounded by what they may give, and the inverse of their compressors.

use std::mem::discriminant;

use casty_proto::Limit;
use casty_proto::{Codec, Compression, DecodeError, Limits, Value};

use crate::memory::{allowance, within};

/// How long a decompressed message may be here.
const LIMIT: usize = 64 * 1024;

const LIMITS: Limits = Limits::new()
    .with_bytes(LIMIT)
    .with_depth(128)
    .with_items(1 << 20);

/// What a library takes for itself, whatever the input: windows, tables and blocks.
pub const fn overhead(compression: Compression) -> u64 {
    const MIB: u64 = 1024 * 1024;
    match compression {
        Compression::Bz2 => 4 * MIB,
        Compression::Lz4 => 12 * MIB,
        _ => 0,
    }
}

/// What is decompressed is within the limit, in memory that goes with it, and comes out the same
/// when it is compressed and decompressed again.
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
            // Where a library notices what is wrong depends on the room it has for output.
            let value = value.expect_err("the one fails, the other does not");
            assert_eq!(discriminant(&value), discriminant(&error));
            return;
        }
    };
    assert!(first.len() <= LIMIT);
    match plain(&again) {
        Ok((second, _)) => assert!(first == second, "{compression} is not undone"),
        // What cannot be made shorter may be a little longer.
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
