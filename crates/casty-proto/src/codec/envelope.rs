//! The envelope of a message for one entity of a shard region, of which nearly all is always the same.

use serde::Serialize;

use super::Codec;
#[cfg(feature = "pickle")]
use super::pickle;
#[cfg(any(feature = "json", feature = "msgpack"))]
use super::tree;
use crate::EncodeError;
use crate::message::ShardEnvelope;

impl Codec {
    /// Appends the [`ShardEnvelope`] of a message for the entity `entity_id` to `out`: the bytes that
    /// [`encode`](Self::encode) appends, for a part of the cost, as all but the id and the message is
    /// copied as a whole. Compressed messages, protobuf and serializers of your own cost the same.
    ///
    /// # Errors
    /// The serializer cannot carry the message; `out` is then as it was.
    pub fn encode_envelope<T: Serialize + ?Sized>(
        &self,
        entity_id: &str,
        message: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let written = match self.kind {
            _ if self.is_compressed() => self.encode_whole(entity_id, message, out),
            #[cfg(feature = "json")]
            super::Kind::Json => tree::encode_json_envelope(entity_id, message, out),
            #[cfg(feature = "msgpack")]
            super::Kind::MsgPack => tree::encode_msgpack_envelope(entity_id, message, out),
            #[cfg(feature = "pickle")]
            super::Kind::Pickle(construction) => {
                pickle::encode_envelope(entity_id, message, construction, self.allowed, out)
            }
            _ => self.encode_whole(entity_id, message, out),
        };
        match written {
            Ok(()) => Ok(()),
            Err(error) => {
                out.truncate(start);
                Err(error)
            }
        }
    }

    fn encode_whole<T: Serialize + ?Sized>(
        &self,
        entity_id: &str,
        message: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let envelope = ShardEnvelope { entity_id, message };
        self.encode(&envelope, out).map(drop)
    }
}
