//! The metrics of a client, told to the recorder that the program has installed (feature `metrics`).
//!
//! What the client counts anyway is read once a second, by a task that keeps its handles. Only the times of
//! asks are told as each ends, because nothing keeps them.

pub(crate) mod counts;
pub(crate) mod latencies;
pub(crate) mod sampler;
pub(crate) mod table;
