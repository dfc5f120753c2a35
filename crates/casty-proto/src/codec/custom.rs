//! Serializers from outside this crate.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::value::{from_value, to_value};
use crate::{DecodeError, EncodeError, Limits, TypeHint, Value};

/// A serializer of your own, for clusters whose nodes are configured with one: see
/// [`Codec::custom`](super::Codec::custom).
///
/// Every message that is sent or received passes through a [`Value`], so one serializer serves typed
/// and dynamic messages alike, at the cost of that step.
pub trait ValueCodec: Send + Sync {
    /// Returns the serializer's name, for logs. Codecs of the same name are taken for the same.
    fn name(&self) -> &'static str;

    /// Appends `value` to `out`. After an error the caller removes what was appended before it.
    ///
    /// # Errors
    /// The serializer cannot carry the value.
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Reads the one value that makes up the whole input.
    ///
    /// The input comes from a peer: stay within `limits`, and neither panic nor recurse without bound.
    /// Its length was checked.
    ///
    /// # Errors
    /// The input is malformed or passes a limit.
    fn decode(&self, input: &[u8], limits: &Limits) -> Result<Value, DecodeError>;
}

/// A serializer that lasts as long as the process.
#[derive(Clone, Copy)]
pub(super) struct Custom(pub(super) &'static dyn ValueCodec);

impl Custom {
    pub(super) fn encode<T: Serialize + ?Sized>(
        self,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<TypeHint, EncodeError> {
        let value = to_value(value)?;
        self.0.encode(&value, out)?;
        Ok(TypeHint::Owned(value.class_name().replace(':', ".")))
    }

    pub(super) fn decode<T: DeserializeOwned>(
        self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<T, DecodeError> {
        limits.admit(input.len())?;
        from_value(&self.0.decode(input, limits)?, limits)
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl Eq for Custom {}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}
