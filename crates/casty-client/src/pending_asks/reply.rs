//! The reply to an ask, still encoded.

use std::ops::Deref;

use bytes::Bytes;

/// The longest reply in bytes that is copied: one more, and the slot of an ask would be longer than a
/// cache line.
pub(crate) const SHORT: usize = 22;

/// An encoded reply. A short one is a copy, so that it keeps no read buffer and counts no reference.
#[derive(Debug, Clone)]
pub(crate) enum EncodedReply {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Bytes),
}

impl EncodedReply {
    /// Returns a copy of a reply; `None` of one that is not short.
    #[inline]
    pub(crate) fn copy(reply: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT];
        // Where both ends together are all of it, they are copied: that takes no call.
        match (reply.first_chunk::<4>(), reply.last_chunk::<4>()) {
            (Some(first), Some(last)) if reply.len() <= 8 => {
                *bytes.first_chunk_mut()? = *first;
                *bytes[reply.len() - 4..].first_chunk_mut()? = *last;
            }
            _ => bytes.get_mut(..reply.len())?.copy_from_slice(reply),
        }
        let length = u8::try_from(reply.len()).ok()?;
        Some(Self::Short { length, bytes })
    }
}

impl From<Bytes> for EncodedReply {
    fn from(reply: Bytes) -> Self {
        Self::copy(&reply).unwrap_or(Self::Long(reply))
    }
}

impl Deref for EncodedReply {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Self::Long(reply) => reply,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_what_it_was_made_of_whatever_its_length() {
        let all: Vec<u8> = (0..100).collect();
        for length in 0..all.len() {
            let reply = &all[..length];
            let is_short = length <= SHORT;
            assert_eq!(EncodedReply::copy(reply).is_some(), is_short, "{length}");
            let encoded = EncodedReply::from(Bytes::copy_from_slice(reply));
            assert_eq!(*encoded, *reply);
            assert_eq!(matches!(encoded, EncodedReply::Short { .. }), is_short);
        }
    }
}
