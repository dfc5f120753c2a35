//! The choice of who is asked, where an ask makes one.

use crate::error::AskError;

/// The choice of who is asked: `()` where there is none, as of one actor or entity, and
/// [`PickedInstance`](crate::PickedInstance) for a [`Picker`](crate::Picker). Sealed.
///
/// An implementation detail of [`Ask`](crate::Ask), but for its error.
pub trait AskChoice: sealed::Sealed {
    /// The error of an ask that ends without a reply.
    type Error;

    /// Notes that a reply came, and could be read.
    #[doc(hidden)]
    fn answered(&self);

    /// Notes that the ask ended without a reply that could be read, and returns its error.
    #[doc(hidden)]
    fn failed(&self, error: AskError) -> Self::Error;
}

impl AskChoice for () {
    type Error = AskError;

    #[inline]
    fn answered(&self) {}

    #[inline]
    fn failed(&self, error: AskError) -> AskError {
        error
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
}
