//! Time, randomness and threads: the surroundings of a client.

pub(crate) mod active_time;
pub(crate) mod byte_limit;
pub(crate) mod changes;
pub(crate) mod clock;
mod coarse;
pub(crate) mod home;
pub(crate) mod panics;
pub(crate) mod random;
pub(crate) mod shared_bytes;
pub(crate) mod stripes;
pub(crate) mod tasks;
