//! The serializers that nodes can be configured with, behind one type.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::compression::{Compression, CompressionLevelError, Compressor};
use crate::{DecodeError, EncodeError, Limits};

mod allowed;
mod custom;
mod envelope;
mod float;
#[cfg(feature = "pickle")]
mod pickle;
#[cfg_attr(
    not(feature = "pickle"),
    allow(dead_code, reason = "the others use a part of it")
)]
mod prepared;
#[cfg(feature = "protobuf")]
mod protobuf;
#[cfg_attr(
    not(feature = "pickle"),
    allow(dead_code, reason = "the others use a part of it")
)]
mod scalar;
#[cfg_attr(
    not(all(feature = "json", feature = "msgpack")),
    allow(dead_code, reason = "the rest serves the notation, or one serializer")
)]
pub(crate) mod tree;
mod type_hint;

pub use allowed::AllowError;
use allowed::Allowed;
pub use custom::ValueCodec;
pub use type_hint::TypeHint;

/// The serializer of a cluster, which turns messages into bytes, compressed or not. Nodes and clients
/// must be configured with the same one; nothing on the wire tells them apart.
///
/// One serde derive serves all of them. A struct or variant whose serde name contains a dot is
/// the Python dataclass of that qualified name:
///
/// ```
/// use casty_proto::{Codec, Limits};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename = "bank.Deposit")]
/// struct Deposit {
///     amount: i64,
/// }
///
/// # #[cfg(feature = "json")] {
/// let mut bytes = Vec::new();
/// let class = Codec::json().encode(&Deposit { amount: 5 }, &mut bytes)?;
/// assert_eq!(class, "bank.Deposit");
/// assert_eq!(bytes, br#"{"_type": "bank.Deposit", "amount": 5}"#);
///
/// let deposit: Deposit = Codec::json().decode(&bytes, &Limits::default())?;
/// assert_eq!(deposit, Deposit { amount: 5 });
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Conventions
///
/// | Rust | Python |
/// |---|---|
/// | a struct with a dotted serde name, `#[serde(rename = "bank.Deposit")]` | the dataclass of that name; fields go by their serde names |
/// | an enum with a dotted name, its unit variants without | the `Enum` of that name; variants are its members' names, and need an `alias` with the member's value for pickle |
/// | an enum whose variants have dotted names | a union of dataclasses: unit variants without fields, struct variants, and newtype variants around the struct of the same name |
/// | `Option::None`, `()` | `None` |
/// | `Vec`, slices | `list` |
/// | tuples, arrays, tuple structs, [`Tuple`](crate::Tuple) | `tuple` |
/// | maps, with keys of any type | `dict` |
/// | [`FrozenSet`](crate::FrozenSet), [`Set`](crate::Set) | `frozenset`, `set` |
/// | [`value::Bytes`](crate::value::Bytes), `bytes::Bytes` | `bytes` (not json); `Vec<u8>` is a list of ints |
/// | `protobuf::Any` (feature `protobuf`) | a protobuf message of your own (protobuf only) |
/// | [`ByteArray`](crate::value::ByteArray), [`Decimal`](crate::value::Decimal), [`DateTime`](crate::value::DateTime) and the others in [`value`](crate::value) | the type of that name |
/// | [`ActorRef`](crate::ActorRef) | an actor reference |
/// | a newtype struct without a dotted name | the value inside it |
/// | [`Value`](crate::Value) | anything; in pickles, of classes that are [allowed](Codec::allowing) |
///
/// The module of a class ends before its first capitalised segment; a colon says otherwise, as in
/// `pkg.mod:outer.inner`. `rename`, `rename_all`, `alias`, `default`, `skip`, `bound`,
/// `deny_unknown_fields`, generic types and `#[serde(other)]` work as they do elsewhere.
///
/// A struct, or an enum that is no union, without a dotted name is refused wherever it stands
/// ([`EncodeError::NoClass`]): Python would take it for a dict and leave its content undecoded.
/// Readers take any class for such a type.
///
/// # Limits of serde
///
/// - `flatten` loses the class: refused when it is written.
/// - Dotted tuple structs and tuple variants have no names for their fields: refused both ways by
///   all but pickle.
/// - A newtype variant around anything but the struct of its own name: refused when it is written.
/// - `untagged` and `tag` read through serde's own buffer: classes go unchecked, and the first variant
///   that fits wins. A union needs neither.
/// - `transparent`, `into` and `remote` write the other type, and its class.
/// - `&str` fields cannot be read: decoded values own their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codec {
    kind: Kind,
    compressor: Option<Compressor>,
    allowed: Allowed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(feature = "json")]
    Json,
    #[cfg(feature = "msgpack")]
    MsgPack,
    #[cfg(feature = "pickle")]
    Pickle(pickle::Construction),
    #[cfg(feature = "protobuf")]
    Protobuf,
    Custom(custom::Custom),
}

impl Codec {
    /// Returns Casty's JSON serializer.
    #[cfg(feature = "json")]
    pub const fn json() -> Self {
        Self::plain(Kind::Json)
    }

    /// Returns Casty's MessagePack serializer: the tree of the JSON serializer in fewer bytes.
    #[cfg(feature = "msgpack")]
    pub const fn msgpack() -> Self {
        Self::plain(Kind::MsgPack)
    }

    /// Returns Python's pickle, the serializer that nodes use by default; cloudpickle nodes read and
    /// write the same for importable classes. No Python code is ever run or needed here; on the node
    /// that reads it a pickle is code, so a [`Value`](crate::Value) names only what is
    /// [allowed](Self::allowing) in it.
    #[cfg(feature = "pickle")]
    pub const fn pickle() -> Self {
        Self::plain(Kind::Pickle(pickle::Construction::Keyword))
    }

    /// Returns pickle that builds a user's objects by calling their class with the fields in order
    /// instead of by keyword.
    ///
    /// It is smaller and faster, and right only where the order of every Rust struct's fields is that of
    /// the Python class. Nodes and clients with [`Codec::pickle`] understand it.
    #[cfg(feature = "pickle")]
    pub const fn pickle_positional() -> Self {
        Self::plain(Kind::Pickle(pickle::Construction::Positional))
    }

    /// Returns protobuf by the schema `casty/v1/value.proto` of this crate.
    ///
    /// It carries all that pickle does except objects whose fields have no names, in a form that other
    /// languages read with generated code. It is none of Casty's own serializers: nodes are given one,
    /// as this project's tests with real nodes do (`interop/python/casty_protobuf.py`).
    ///
    /// Messages of your own travel in [`protobuf::Any`](crate::protobuf::Any).
    #[cfg(feature = "protobuf")]
    pub const fn protobuf() -> Self {
        Self::plain(Kind::Protobuf)
    }

    const fn plain(kind: Kind) -> Self {
        Self {
            kind,
            compressor: None,
            allowed: Allowed::CASTY,
        }
    }

    /// Returns the same serializer with its messages compressed at [`Compression::DEFAULT_LEVEL`],
    /// instead of any compression that it had.
    ///
    /// A message that is read must not be longer than [`Limits::bytes`], compressed or decompressed, so
    /// that a small one cannot become a large one. Offsets in errors of the serializer count
    /// decompressed bytes.
    #[must_use]
    pub const fn compressed(self, compression: Compression) -> Self {
        Self {
            compressor: Some(Compressor::new(compression)),
            ..self
        }
    }

    /// Returns the same as [`compressed`](Self::compressed) at another level. Each side may use its own.
    ///
    /// # Errors
    /// The algorithm has no such level; [`Compression::levels`] are those that it has.
    pub fn compressed_at(
        self,
        compression: Compression,
        level: u8,
    ) -> Result<Self, CompressionLevelError> {
        Ok(Self {
            compressor: Some(Compressor::at(compression, level)?),
            ..self
        })
    }

    /// Returns whether messages are compressed.
    pub const fn is_compressed(&self) -> bool {
        self.compressor.is_some()
    }

    /// Returns a serializer of your own. One that is not a constant is leaked once, as
    /// `Box::leak(Box::new(codec))`: codecs are copied freely and last as long as the process.
    pub const fn custom(codec: &'static dyn ValueCodec) -> Self {
        Self::plain(Kind::Custom(custom::Custom(codec)))
    }

    /// Returns the same serializer, which pickles [`Value`](crate::Value)s that name these classes too.
    ///
    /// A pickle is code: a node that loads one imports and calls whatever it names. Types of the
    /// program's own name what the program says. A `Value` names what its source says: a text in the
    /// [notation](crate::notation), another serializer, the pickle of another node. So those that
    /// pickle writes may name Casty's own classes, which are in modules that begin with `casty.`, and
    /// what is allowed here; all others are refused ([`EncodeError::ClassNotAllowed`]). No other
    /// serializer asks for this. [`Value::classes`](crate::Value::classes) tells what a value names.
    ///
    /// An entry is a class, `bank.Deposit`; or all of a module and of those below it, `bank.*`, as far
    /// as their names are capitalised as those of classes are; or `*`, anything, which is right only
    /// where whoever makes the values may run code on the nodes. Of a module that imports `Popen`,
    /// `bank.*` allows that too: allow single classes where values come from strangers.
    ///
    /// Adds to what was allowed before. Each list that differs from all others is kept for as long as
    /// the process lasts, so this is for constants and configurations.
    ///
    /// ```
    /// # #[cfg(feature = "pickle")] {
    /// use casty_proto::{Codec, EncodeError, Limits, Value};
    ///
    /// let deposit = r#"{"_type": "bank.Deposit", "amount": 5}"#;
    /// let deposit = Value::from_notation(deposit, &Limits::default())?;
    /// let refused = Codec::pickle().encode(&deposit, &mut Vec::new());
    /// assert!(matches!(refused, Err(EncodeError::ClassNotAllowed { .. })));
    ///
    /// let codec = Codec::pickle().allowing(["bank.Deposit"])?;
    /// codec.encode(&deposit, &mut Vec::new())?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An entry is none of these, or there are more than 1,024.
    pub fn allowing<C: AsRef<str>>(
        self,
        classes: impl IntoIterator<Item = C>,
    ) -> Result<Self, AllowError> {
        let allowed = self.allowed.and(classes)?;
        Ok(Self { allowed, ..self })
    }

    /// Appends `value` to `out` and returns its Python class, which a header names.
    ///
    /// # Errors
    /// The serializer cannot carry the value; `out` is then as it was.
    pub fn encode<T: Serialize + ?Sized>(
        &self,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<TypeHint, EncodeError> {
        let start = out.len();
        let written = match self.compressor {
            None => self.serialize(value, out),
            Some(compressor) => compressor.compress_with(out, |plain| self.serialize(value, plain)),
        };
        written.inspect_err(|_| out.truncate(start))
    }

    fn serialize<T: Serialize + ?Sized>(
        &self,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<TypeHint, EncodeError> {
        match self.kind {
            #[cfg(feature = "json")]
            Kind::Json => tree::encode_json(value, out),
            #[cfg(feature = "msgpack")]
            Kind::MsgPack => tree::encode_msgpack(value, out),
            #[cfg(feature = "pickle")]
            Kind::Pickle(construction) => pickle::encode(value, construction, self.allowed, out),
            #[cfg(feature = "protobuf")]
            Kind::Protobuf => protobuf::encode(value, out),
            Kind::Custom(codec) => codec.encode(value, out),
        }
    }

    /// Reads one value that makes up the whole input, within `limits`.
    ///
    /// # Errors
    /// The input is malformed, passes a limit, or holds no `T`.
    pub fn decode<T: DeserializeOwned>(
        &self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<T, DecodeError> {
        let read = |plain: &[u8]| self.deserialize(plain, limits);
        match self.compressor {
            None => read(input),
            Some(compressor) => compressor.decompress_with(input, limits.bytes, read),
        }
    }

    /// Returns a copy of an encoded message whose bytes `edit` has changed. A compressed message is
    /// decompressed for that, within `limits`, and compressed again.
    ///
    /// # Errors
    /// The message is not compressed as this codec compresses, or passes a limit.
    pub fn edit(
        &self,
        message: &[u8],
        limits: &Limits,
        edit: impl FnOnce(&mut [u8]),
    ) -> Result<Vec<u8>, DecodeError> {
        let Some(compressor) = self.compressor else {
            let mut plain = message.to_vec();
            edit(&mut plain);
            return Ok(plain);
        };
        let plain = compressor.decompress_with(message, limits.bytes, |plain| Ok(plain.to_vec()));
        let mut plain = plain?;
        edit(&mut plain);
        let mut edited = Vec::with_capacity(message.len());
        let wrapped = compressor.compress_with(&mut edited, |out| {
            out.extend_from_slice(&plain);
            Ok(())
        });
        // Compressing can fail for want of memory only; the message is then left as it was.
        wrapped.map(|()| edited).or(Ok(message.to_vec()))
    }

    fn deserialize<T: DeserializeOwned>(
        &self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<T, DecodeError> {
        match self.kind {
            #[cfg(feature = "json")]
            Kind::Json => tree::decode_json(input, limits),
            #[cfg(feature = "msgpack")]
            Kind::MsgPack => tree::decode_msgpack(input, limits),
            #[cfg(feature = "pickle")]
            Kind::Pickle(_) => pickle::decode(input, limits),
            #[cfg(feature = "protobuf")]
            Kind::Protobuf => protobuf::decode(input, limits),
            Kind::Custom(codec) => codec.decode(input, limits),
        }
    }
}
