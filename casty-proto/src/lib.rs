//! Casty's cluster protocol (casty 0.21.0) as types: addresses, frames, the handshake, message
//! headers, every cluster message a client or a region-hosting node needs, and the codecs that
//! nodes can be configured with.
//!
//! Nothing here does I/O, reads a clock or needs a runtime. Everything that reads bytes of a peer
//! is bounded by [`Limits`] and answers bad input with a typed error.

pub mod address;
pub mod codec;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod header;
pub mod limits;
pub mod message;
pub mod reference;
pub mod sets;
pub mod value;

pub use address::{ActorUri, AddressError, NodeAddress};
pub use codec::{Codec, ValueCodec};
pub use error::{DecodeError, EncodeError};
pub use limits::Limits;
pub use reference::ActorRef;
pub use sets::{FrozenSet, Set, Tuple};
pub use value::Value;
