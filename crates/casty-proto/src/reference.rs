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
    uri: Uri,
    message: PhantomData<fn(&M)>,
}

/// The text of a URI, shared by all clones of a reference.
#[derive(Clone)]
enum Uri {
    Fixed(Arc<str>),
    /// Written anew for one reference after the other, as asks do.
    Reused(Arc<String>),
}

impl Uri {
    #[inline]
    fn text(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Reused(text) => text,
        }
    }
}

impl<M: ?Sized> ActorRef<M> {
    /// Returns a reference to the actor at `uri`.
    ///
    /// # Errors
    /// The text is no `casty://` URI.
    pub fn new(uri: impl Into<Arc<str>>) -> Result<Self, AddressError> {
        let uri = uri.into();
        ActorUri::parse(&uri)?;
        Ok(Self::from_wire(uri))
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
        self.uri.text()
    }

    /// Returns the URI's parts.
    ///
    /// # Errors
    /// The URI is malformed, or its port is none that a TCP connection can have. A reference that
    /// arrived in a message is kept unchecked, so that it can be sent on.
    pub fn parts(&self) -> Result<ActorUri<'_>, AddressError> {
        ActorUri::parse(self.uri())
    }

    /// Returns whether clones of this reference exist. An ask learns by it that a message which was
    /// made with its reference holds it.
    #[doc(hidden)]
    pub fn is_shared(&self) -> bool {
        let clones = match &self.uri {
            Uri::Fixed(text) => Arc::strong_count(text),
            Uri::Reused(text) => Arc::strong_count(text),
        };
        clones > 1
    }

    /// Returns a reference to the actor at the URI that `write` makes of a text: that of `former`, in
    /// whose memory it is, if no clone of that exists, else an empty one. Not checked, as by
    /// [`from_uri_unchecked`](Self::from_uri_unchecked).
    #[doc(hidden)]
    #[inline]
    pub fn rewritten(former: Option<Self>, write: impl FnOnce(&mut String)) -> Self {
        let mut uri = match former.map(|former| former.uri) {
            Some(Uri::Reused(uri)) => uri,
            Some(Uri::Fixed(_)) | None => Arc::default(),
        };
        if Arc::strong_count(&uri) > 1 {
            uri = Arc::default();
        }
        // Nobody else has it: that was looked at, and there are no weak ones.
        if let Some(text) = Arc::get_mut(&mut uri) {
            write(text);
        }
        Self {
            uri: Uri::Reused(uri),
            message: PhantomData,
        }
    }

    pub(crate) fn from_wire(uri: Arc<str>) -> Self {
        Self {
            uri: Uri::Fixed(uri),
            message: PhantomData,
        }
    }
}

impl<M: ?Sized> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        Self {
            uri: self.uri.clone(),
            message: PhantomData,
        }
    }
}

impl<M: ?Sized> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.uri() == other.uri()
    }
}

impl<M: ?Sized> Eq for ActorRef<M> {}

impl<M: ?Sized> Hash for ActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uri().hash(state);
    }
}

impl<M: ?Sized> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef({})", Escaped::new(self.uri()))
    }
}

impl<M: ?Sized> Serialize for ActorRef<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(REF, self.uri())
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
    fn memory_is_used_again_unless_somebody_has_a_clone() {
        let write = |was: &'static str, text: &'static str| {
            move |uri: &mut String| {
                assert_eq!(uri, was);
                text.clone_into(uri);
            }
        };
        let first = ActorRef::<u8>::rewritten(None, write("", "casty://s@h:1/the-first"));
        let at = first.uri().as_ptr();
        let over = write("casty://s@h:1/the-first", "casty://s@h:1/second");
        let second = ActorRef::rewritten(Some(first), over);
        assert_eq!(second.uri(), "casty://s@h:1/second");
        assert!(second.uri().as_ptr() == at && !second.is_shared());
        let kept = second.clone();
        assert!(second.is_shared() && kept == second);
        let third = ActorRef::rewritten(Some(second), write("", "casty://s@h:1/3"));
        assert_eq!(
            (kept.uri(), third.uri()),
            ("casty://s@h:1/second", "casty://s@h:1/3")
        );
        assert_eq!(ActorRef::new(third.uri()), Ok(third));
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
