//! Time, randomness and threads: the surroundings of a client.

pub(crate) mod clock;
pub(crate) mod random;
pub(crate) mod stripes;
