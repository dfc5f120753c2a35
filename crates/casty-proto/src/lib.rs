//! Casty's cluster protocol (casty 0.21.0) as types: addresses, frames, the handshake, message
//! headers, every cluster message a client or a region-hosting node needs, and the codecs that
//! nodes can be configured with.
//!
//! Nothing here does I/O, reads a clock or needs a runtime. Everything that reads bytes of a peer
//! is bounded by [`Limits`] and answers bad input with a typed error.

mod address;
mod class_name;
mod codec;
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
mod compression;
mod error;
mod escape;
mod forward;
pub mod frame;
pub mod handshake;
pub mod header;
mod limits;
pub mod message;
pub mod notation;
#[cfg(feature = "protobuf")]
pub mod protobuf;
mod reference;
mod sets;
pub mod value;

pub use address::{ActorUri, AddressError, NodeAddress};
pub use codec::{Codec, TypeHint, ValueCodec};
pub use compression::{Compression, CompressionLevelError, UnknownCompression};
pub use error::{DecodeError, EncodeError, Limit};
pub use limits::Limits;
pub use reference::ActorRef;
pub use sets::{FrozenSet, Set, Tuple};
pub use value::Value;
