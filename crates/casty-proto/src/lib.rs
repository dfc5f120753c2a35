//! Casty's cluster protocol (casty 0.21.0) as types: addresses, frames, the handshake, message
//! headers, every cluster message a client or a region-hosting node needs, and the codecs that
//! nodes can be configured with.
//!
//! Nothing here does I/O, reads a clock or needs a runtime. Everything that reads bytes of a peer
//! is bounded by [`Limits`] and answers bad input with a typed error.

pub mod address;
pub mod codec;
#[cfg_attr(
    not(any(
        feature = "zlib",
        feature = "gzip",
        feature = "bz2",
        feature = "lzma",
        feature = "lz4"
    )),
    allow(
        dead_code,
        unused_variables,
        unreachable_code,
        clippy::ptr_arg,
        reason = "there is none then"
    )
)]
pub mod compression;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod header;
pub mod limits;
pub mod message;
#[cfg(feature = "protobuf")]
pub mod protobuf;
pub mod reference;
pub mod sets;
pub mod value;

pub use address::{ActorUri, AddressError, NodeAddress};
pub use codec::{Codec, ValueCodec};
pub use compression::Compression;
pub use error::{DecodeError, EncodeError};
pub use limits::Limits;
pub use reference::ActorRef;
pub use sets::{FrozenSet, Set, Tuple};
pub use value::Value;
