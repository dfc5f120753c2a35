//! Texts that repeat within a message and from one to the next, as the hosts of nodes do: each is in
//! memory once while it lasts, for a thread.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

use crate::name_cache::NameCache;

/// The longest text that is shared, in bytes: a peer may send longer ones, and those that are shared
/// are kept.
const LONGEST: usize = 255;

thread_local! {
    static LATELY: RefCell<NameCache> = const { RefCell::new(NameCache::new()) };
}

/// Reads a text, as `Arc<str>` does, which is shared with its last occurrences.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<str>, D::Error> {
    deserializer.deserialize_string(SharedText)
}

/// Returns a text in memory that is shared with its last occurrences.
fn share(text: &str) -> Arc<str> {
    if text.len() > LONGEST {
        return text.into();
    }
    let shared = LATELY.try_with(|lately| Some(lately.try_borrow_mut().ok()?.intern(text)));
    // A thread that ends has no texts any more.
    shared.ok().flatten().unwrap_or_else(|| text.into())
}

struct SharedText;

impl Visitor<'_> for SharedText {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Arc<str>, E> {
        Ok(share(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Arc<str>, E> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(share(text)),
            Err(_) => Err(E::invalid_value(Unexpected::Bytes(bytes), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{BytesDeserializer, Error as Invalid, StrDeserializer, U8Deserializer};

    use super::*;

    fn of_str(text: &str) -> Arc<str> {
        let text: StrDeserializer<'_, Invalid> = text.into_deserializer();
        deserialize(text).unwrap_or_default()
    }

    #[test]
    fn texts_that_repeat_share_their_memory_unless_they_are_long() {
        let (host, other) = (of_str("10.0.0.1"), of_str("10.0.0.2"));
        assert_eq!((&*host, &*other), ("10.0.0.1", "10.0.0.2"));
        assert!(Arc::ptr_eq(&host, &of_str("10.0.0.1")));
        let (longest, longer) = ("a".repeat(LONGEST), "a".repeat(LONGEST + 1));
        assert!(Arc::ptr_eq(&of_str(&longest), &of_str(&longest)));
        let (one, two) = (of_str(&longer), of_str(&longer));
        assert!(*one == *longer && one == two && !Arc::ptr_eq(&one, &two));
    }

    #[test]
    fn whatever_a_text_may_be_read_from_is_answered_as_ever() {
        for bytes in [&b"text"[..], b"\xff"] {
            let input = || BytesDeserializer::<Invalid>::new(bytes);
            assert_eq!(deserialize(input()), Arc::<str>::deserialize(input()));
        }
        let input = || -> U8Deserializer<Invalid> { 5_u8.into_deserializer() };
        assert_eq!(deserialize(input()), Arc::<str>::deserialize(input()));
    }
}
