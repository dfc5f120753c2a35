//! Time, randomness and threads, as the client takes them from its surroundings.

pub(crate) mod clock;
pub(crate) mod random;
pub(crate) mod stripes;
