//! Compression on top of a serializer, as nodes can be configured with it.

use std::cell::Cell;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::{DecodeError, EncodeError, Limit};

#[cfg(feature = "bz2")]
mod bz2;
#[cfg(any(feature = "zlib", feature = "gzip"))]
mod deflate;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "lzma")]
mod lzma;
#[cfg(any(feature = "zlib", feature = "gzip", feature = "bz2", feature = "lzma"))]
mod stream;

/// A compression algorithm of Casty's `CompressionConfig`; only those that are compiled in exist.
///
/// [`Codec::compressed`](crate::Codec::compressed) puts one on top of a serializer. Only messages are
/// compressed, each by itself; frames and headers are not. Nothing on the wire tells compressed
/// messages from others, so nodes and clients must be configured alike.
///
/// A message is one complete stream and nothing else: Casty writes no more than that, though
/// Python's readers would take several in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// A zlib stream (RFC 1950), Casty's default.
    #[cfg(feature = "zlib")]
    Zlib,
    /// A gzip member (RFC 1952), without a time or a name.
    #[cfg(feature = "gzip")]
    Gzip,
    /// A bzip2 stream.
    #[cfg(feature = "bz2")]
    Bz2,
    /// An .xz stream; the older .lzma format is read as well.
    ///
    /// Each message announces how much memory its reader needs: up to 66 MiB are allocated while it
    /// is read, of which as much is touched as the message is long.
    #[cfg(feature = "lzma")]
    Lzma,
    /// An LZ4 frame that announces its content's size. Its blocks take up to 12 MiB while they are
    /// read. There is one level of effort only: others are accepted and change nothing, and nodes
    /// read it whatever their own level is.
    #[cfg(feature = "lz4")]
    Lz4,
}

impl Compression {
    /// All algorithms that are compiled in.
    pub const ALL: &'static [Self] = &[
        #[cfg(feature = "zlib")]
        Self::Zlib,
        #[cfg(feature = "gzip")]
        Self::Gzip,
        #[cfg(feature = "bz2")]
        Self::Bz2,
        #[cfg(feature = "lzma")]
        Self::Lzma,
        #[cfg(feature = "lz4")]
        Self::Lz4,
    ];

    /// The level of every algorithm by default, here and on nodes.
    pub const DEFAULT_LEVEL: u8 = 6;

    /// Returns the name in `CompressionConfig`.
    pub const fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "zlib")]
            Self::Zlib => "zlib",
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
            #[cfg(feature = "bz2")]
            Self::Bz2 => "bz2",
            #[cfg(feature = "lzma")]
            Self::Lzma => "lzma",
            #[cfg(feature = "lz4")]
            Self::Lz4 => "lz4",
        }
    }

    /// Returns the levels that Python's library of that name takes: more effort, fewer bytes. They
    /// concern the writer only.
    pub const fn levels(self) -> RangeInclusive<u8> {
        match self {
            #[cfg(feature = "zlib")]
            Self::Zlib => 0..=9,
            #[cfg(feature = "gzip")]
            Self::Gzip => 0..=9,
            #[cfg(feature = "bz2")]
            Self::Bz2 => 1..=9,
            #[cfg(feature = "lzma")]
            Self::Lzma => 0..=9,
            #[cfg(feature = "lz4")]
            Self::Lz4 => 0..=16,
        }
    }

    fn compress(self, level: u8, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let done: Option<()> = match self {
            #[cfg(feature = "zlib")]
            Self::Zlib => deflate::compress(deflate::zlib(level), input, out),
            #[cfg(feature = "gzip")]
            Self::Gzip => deflate::compress(deflate::gzip(level), input, out),
            #[cfg(feature = "bz2")]
            Self::Bz2 => bz2::compress(level, input, out),
            #[cfg(feature = "lzma")]
            Self::Lzma => lzma::compress(level, input, out),
            #[cfg(feature = "lz4")]
            Self::Lz4 => lz4::compress(level, input, out),
        };
        done.ok_or(EncodeError::NotCompressed {
            algorithm: self.name(),
        })
    }

    fn decompress(self, input: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        match self {
            #[cfg(feature = "zlib")]
            Self::Zlib => deflate::decompress(deflate::from_zlib(), input, max, out),
            #[cfg(feature = "gzip")]
            Self::Gzip => deflate::decompress(deflate::from_gzip(), input, max, out),
            #[cfg(feature = "bz2")]
            Self::Bz2 => bz2::decompress(input, max, out),
            #[cfg(feature = "lzma")]
            Self::Lzma => lzma::decompress(input, max, out),
            #[cfg(feature = "lz4")]
            Self::Lz4 => lz4::decompress(input, max, out),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = UnknownCompression;

    /// Returns the algorithm of that name.
    ///
    /// # Errors
    /// No algorithm that is compiled in has this name.
    fn from_str(text: &str) -> Result<Self, UnknownCompression> {
        let named = Self::ALL.iter().find(|known| known.name() == text);
        named
            .copied()
            .ok_or_else(|| UnknownCompression { name: text.into() })
    }
}

/// The error of a name that no compiled-in algorithm has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no compression that is compiled in is called {name:?}")]
#[non_exhaustive]
pub struct UnknownCompression {
    /// The requested name.
    pub name: Box<str>,
}

/// The error of a level that the algorithm lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{compression} has no level {level}, but {} to {}", range.start(), range.end())]
#[non_exhaustive]
pub struct CompressionLevelError {
    /// The algorithm.
    pub compression: Compression,
    /// The requested level.
    pub level: u8,
    /// The levels that the algorithm has.
    pub range: RangeInclusive<u8>,
}

/// An algorithm at one of its levels, as a codec carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compressor {
    compression: Compression,
    level: u8,
}

impl Compressor {
    pub(crate) const fn new(compression: Compression) -> Self {
        Self {
            compression,
            level: Compression::DEFAULT_LEVEL,
        }
    }

    pub(crate) fn at(compression: Compression, level: u8) -> Result<Self, CompressionLevelError> {
        let range = compression.levels();
        if range.contains(&level) {
            Ok(Self { compression, level })
        } else {
            Err(CompressionLevelError {
                compression,
                level,
                range,
            })
        }
    }

    /// Appends to `out` the compressed form of the bytes that `write` writes.
    pub(crate) fn compress_with<T>(
        self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        with_scratch(|plain| {
            let written = write(plain)?;
            self.compression.compress(self.level, plain, out)?;
            Ok(written)
        })
    }

    /// Calls `read` with the decompressed input.
    ///
    /// # Errors
    /// The input is malformed, or one of its forms is longer than `max`.
    pub(crate) fn decompress_with<T>(
        self,
        input: &[u8],
        max: usize,
        read: impl FnOnce(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if input.len() > max {
            return Err(DecodeError::limit(Limit::Bytes, max));
        }
        with_scratch(|plain| {
            self.compression.decompress(input, max, plain)?;
            read(plain)
        })
    }
}

/// The largest buffer that a thread keeps between messages, in bytes.
const MAX_KEPT: usize = 256 * 1024;

/// Calls `work` with an empty buffer: the thread's own, unless that is in use already.
fn with_scratch<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    thread_local!(static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
    // A thread that is ending has none any more.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.clear();
    let done = work(&mut scratch);
    if scratch.capacity() <= MAX_KEPT {
        SCRATCH.try_with(|kept| kept.set(scratch)).ok();
    }
    done
}

#[cfg(test)]
mod tests {
    use allocation_counter::measure;

    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let zeros = vec![0; 64 * MIB];
        for &compression in Compression::ALL {
            let mut bomb = Vec::new();
            let level = Compression::DEFAULT_LEVEL;
            compression.compress(level, &zeros, &mut bomb).unwrap();
            assert!(bomb.len() < MIB, "{compression}: {}", bomb.len());
            for max in [MIB, 16 * MIB] {
                let compressor = Compressor::new(compression);
                let mut outcome = Ok(());
                let info = measure(|| outcome = compressor.decompress_with(&bomb, max, |_| Ok(())));
                let too_long = DecodeError::limit(Limit::Bytes, max);
                assert_eq!(outcome, Err(too_long), "{compression}");
                // What grows keeps its first half while it is copied; the rest is the libraries'.
                let most = (2 * max + 8 * MIB) as u64;
                let peak = info.bytes_max;
                assert!(peak <= most, "{compression}: {peak} of {most}");
            }
        }
    }

    #[test]
    fn a_thread_keeps_a_small_buffer_and_no_large_one() {
        let kept = |len: usize| {
            with_scratch(|scratch| scratch.resize(len, 0));
            with_scratch(|scratch| scratch.capacity())
        };
        assert!((1000..=MAX_KEPT).contains(&kept(1000)));
        assert_eq!(kept(256 * 1024), 256 * 1024);
        assert_eq!(kept(256 * 1024 + 1), 0);
    }
}
