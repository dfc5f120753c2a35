//! Typed addresses of actors, as they travel inside messages.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::{ActorUri, AddressError, Escaped};

/// The serde name by which all codecs know a reference.
pub(crate) const REF: &str = "$casty::ref";

/// The address of an actor that accepts messages of type `M`.
///
/// An address with a type and nothing more: it holds no connection, and cloning it costs one
/// reference count. A client sends to it by `client.tell(&actor, message)`. Inside messages it is
/// what a Python node calls an `ActorRef`.
pub struct ActorRef<M: ?Sized> {
    uri: Arc<str>,
    message: PhantomData<fn(&M)>,
}

impl<M: ?Sized> ActorRef<M> {
    /// Returns a reference to the actor at `uri`.
    ///
    /// # Errors
    /// The text is no `casty://` URI.
    pub fn new(uri: impl Into<Arc<str>>) -> Result<Self, AddressError> {
        let uri = uri.into();
        ActorUri::parse(&uri)?;
        Ok(Self {
            uri,
            message: PhantomData,
        })
    }

    /// Returns a reference to the actor at `uri` without checking that: for URIs that the caller has
    /// put together itself. If one is malformed, [`parts`](Self::parts) reports it later.
    pub fn from_uri_unchecked(uri: impl Into<Arc<str>>) -> Self {
        Self::from_wire(uri.into())
    }

    /// Returns the same address for messages of another type.
    #[must_use]
    pub fn cast<N: ?Sized>(self) -> ActorRef<N> {
        ActorRef {
            uri: self.uri,
            message: PhantomData,
        }
    }

    /// Returns the `casty://` URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Returns the URI's parts.
    ///
    /// # Errors
    /// The URI is malformed, or its port is none that a TCP connection can have. A reference that
    /// arrived in a message is kept unchecked, so that it can be sent on.
    pub fn parts(&self) -> Result<ActorUri<'_>, AddressError> {
        ActorUri::parse(&self.uri)
    }

    /// Returns whether clones of this reference exist. An ask learns by it that a message which was
    /// made with its reference holds it.
    #[doc(hidden)]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.uri) > 1
    }

    pub(crate) fn from_wire(uri: Arc<str>) -> Self {
        Self {
            uri,
            message: PhantomData,
        }
    }
}

impl<M: ?Sized> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        Self::from_wire(Arc::clone(&self.uri))
    }
}

impl<M: ?Sized> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.uri == other.uri
    }
}

impl<M: ?Sized> Eq for ActorRef<M> {}

impl<M: ?Sized> Hash for ActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uri.hash(state);
    }
}

impl<M: ?Sized> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef({})", Escaped::new(&self.uri))
    }
}

impl<M: ?Sized> Serialize for ActorRef<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(REF, &*self.uri)
    }
}

impl<'de, M: ?Sized> Deserialize<'de> for ActorRef<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Uri;
        impl<'de> Visitor<'de> for Uri {
            type Value = Arc<str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an actor reference")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Arc<str>, D::Error> {
                deserializer.deserialize_str(self)
            }
            fn visit_str<E: de::Error>(self, uri: &str) -> Result<Arc<str>, E> {
                Ok(uri.into())
            }
        }
        deserializer
            .deserialize_newtype_struct(REF, Uri)
            .map(Self::from_wire)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use super::*;

    #[test]
    fn references_are_equal_if_their_addresses_are() {
        let [a, b] = ["casty://s@h:1/a", "casty://s@h:1/b"];
        let new = |uri| ActorRef::<u8>::new(uri).unwrap();
        assert_eq!(new(a), new(a).clone());
        assert_ne!(new(a), new(b));
        assert_eq!(new(a).cast::<str>().uri(), a);
        let set: HashSet<_> = [new(a), new(b), new(a)].into();
        assert_eq!(set.len(), 2);
        let hash = |actor| BuildHasherDefault::<DefaultHasher>::default().hash_one(actor);
        assert_eq!(hash(new(a)), hash(new(a)));
        assert_ne!(hash(new(a)), hash(new(b)));
    }

    #[test]
    fn a_malformed_address_is_refused_when_new_and_reported_when_kept() {
        let malformed = "casty://s@h/a";
        assert_eq!(ActorRef::<u8>::new(malformed), Err(AddressError::NoPort));
        let kept = ActorRef::<u8>::from_uri_unchecked(malformed);
        assert_eq!(kept.parts(), Err(AddressError::NoPort));
        let well = ActorRef::<u8>::from_uri_unchecked("casty://s@h:1/a");
        assert_eq!(well.parts().map(|uri| uri.path), Ok("/a"));
    }

    #[test]
    fn other_values_are_no_references() {
        let error = serde_json::from_str::<ActorRef<u8>>("5").unwrap_err();
        assert!(error.to_string().contains("an actor reference"), "{error}");
    }
}
