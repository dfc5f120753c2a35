//! The protocol of Casty clusters (casty 0.21.0) as types: addresses, frames, the handshake, message
//! headers, the cluster's own messages, and the codecs that nodes can be configured with.
//!
//! Nothing here does I/O, reads a clock or needs a runtime. The crate is the lowest layer of a Casty
//! client, or of a node: `casty-client` builds on it and is the crate that most programs use. Use
//! this one directly for a peer, a proxy or a tool that speaks the wire protocol itself, or to
//! encode and decode messages.
//!
//! # Quick start
//!
//! A message is a type with serde's derive, whose name has a dot: the qualified name of its Python
//! dataclass. On the wire it is encoded by the cluster's codec, behind a header, in a frame.
//!
//! ```
//! # #[cfg(feature = "json")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::BytesMut;
//! use casty_proto::frame::{self, DEFAULT_MAX_FRAME, FrameDecoder, FrameKind};
//! use casty_proto::header::Header;
//! use casty_proto::message::ShardEnvelope;
//! use casty_proto::{ActorRef, Codec, Limits, Value};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename = "bank.Deposit")]
//! struct Deposit {
//!     amount: i64,
//!     reply_to: ActorRef<i64>,
//! }
//!
//! // The sender: a message for one entity of a shard region.
//! let codec = Codec::json();
//! let reply_to = ActorRef::new("casty://bank-client@10.0.1.99:0/_ask/1")?;
//! let deposit = ShardEnvelope::new("alice", Deposit { amount: 5, reply_to });
//! let mut message = Vec::new();
//! let class = codec.encode(&deposit, &mut message)?;
//!
//! let mut header = Vec::new();
//! Header {
//!     target: "casty://bank@10.0.1.10:25520/accounts".into(),
//!     sender: "casty://bank-client@10.0.1.99:0/".into(),
//!     type_hint: class,
//! }
//! .write(&mut header);
//! let mut stream = Vec::new();
//! frame::write_frame(&mut stream, FrameKind::Message, &[&header, &message], DEFAULT_MAX_FRAME)?;
//!
//! // The receiver: frames from a buffer, typed messages from their payloads.
//! let mut buffer = BytesMut::from(&stream[..]);
//! let frame = FrameDecoder::new(DEFAULT_MAX_FRAME).next(&mut buffer)?.expect("a whole frame");
//! let (header, message) = Header::split(&frame.payload)?;
//! assert_eq!(header.type_hint, "casty.cluster.envelope.ShardEnvelope");
//! let read: ShardEnvelope<Deposit> = codec.decode(message, &Limits::default())?;
//! assert_eq!(read, deposit);
//!
//! // Or any message, whatever its type is.
//! let value: Value = codec.decode(message, &Limits::default())?;
//! let amount = value.get("message").and_then(|deposit| deposit.get("amount"));
//! assert_eq!(amount.and_then(Value::as_i64), Some(5));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "json"))]
//! # fn main() {}
//! ```
//!
//! # Concepts
//!
//! - A [`NodeAddress`] is the address by which a node is known. Actors have `casty://` URIs
//!   ([`ActorUri`]); an [`ActorRef`] is such a URI with the type of the messages that the actor
//!   accepts, and travels inside messages.
//! - A connection is a stream of frames ([`frame`]). The first one of each side is its
//!   [`handshake`]; the others are messages, each behind a [`header`].
//! - A [`Codec`] is the serializer of a cluster: JSON, MessagePack, pickle, protobuf or one of your
//!   own ([`ValueCodec`]), with or without [`Compression`]. Nodes and clients must be configured
//!   alike. Its documentation has the conventions by which Rust types are Python's.
//! - [`FrozenSet`], [`Set`], [`Tuple`] and the scalars in [`value`] are the types of Python that serde
//!   has no word for.
//! - A [`Value`] is any message whose type is not known beforehand. It is cheap to clone, keeps the
//!   sharing of a pickle, and has a text form, Casty's JSON [`notation`].
//! - [`message`] has the cluster's own messages, those of Casty's distributed structures among them.
//! - [`Limits`] bound the cost of decoding one input.
//!
//! # Features
//!
//! | feature | gives | default |
//! |---|---|---|
//! | `json` | `Codec::json` | yes |
//! | `msgpack` | `Codec::msgpack` | yes |
//! | `pickle` | `Codec::pickle`, `Codec::pickle_positional` | yes |
//! | `protobuf` | `Codec::protobuf`, the module `protobuf` | no |
//! | `chrono`, `jiff` | dates and times of these crates from and to those of [`value`] | no |
//! | `zlib` `gzip` `bz2` `lzma` `lz4` | the [`Compression`] of that name | no |
//!
//! Features only add: turning one on changes nothing that worked without it.
//!
//! # Errors and limits
//!
//! Bytes of a peer are never trusted: every reader stays within [`Limits`], allocates in proportion to
//! its input, never recurses without bound, and answers bad input with a typed error. A pickle is read
//! as data: no code is run, and an object that only Python could construct is
//! [`DecodeError::NeedsPython`]. What a peer has chosen, names, hosts, classes, appears in addresses and
//! errors only as [`Escaped`] shows it.
//!
//! A pickle that is written is code to the node that loads it, so the classes that a [`Value`] may name
//! there are a list of the program's: see [`Codec::allowing`].
//!
//! [`EncodeError`] and [`DecodeError`] are the errors of codecs, the latter with the
//! [path](DecodeError::path) to the part of a message that does not fit; [`AddressError`],
//! [`frame::FrameError`], [`handshake::HandshakeError`] and [`header::HeaderError`] those of the wire
//! around messages. After a `FrameError` the stream cannot be read on; all others concern one message
//! only.
//!
//! # Examples
//!
//! `examples/custom_codec.rs` is a serializer of one's own, `examples/protobuf_message.rs` a message of
//! prost's inside a message to an actor.

// The features that an item needs stand beside it.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
mod count;
mod error;
mod escape;
mod forward;
pub mod frame;
pub mod handshake;
pub mod header;
mod limits;
pub mod message;
mod name_cache;
pub mod notation;
#[cfg(feature = "protobuf")]
pub mod protobuf;
mod reference;
mod sets;
mod shared_text;
mod trace_parent;
pub mod value;

pub use address::{ActorUri, AddressError, NodeAddress};
pub use codec::{AllowError, Codec, TypeHint, ValueCodec};
pub use compression::{Compression, CompressionLevelError, UnknownCompression};
#[doc(hidden)]
pub use count::{Count, Listed};
pub use error::{DecodeError, EncodeError, Limit};
pub use escape::{Chain, Escaped, unescape};
pub use limits::Limits;
pub use reference::ActorRef;
pub use sets::{FrozenSet, Set, Tuple};
pub use trace_parent::{TraceParent, TraceParentError};
pub use value::Value;
