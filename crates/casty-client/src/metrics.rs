//! The metrics of a client, told to the recorder that the program has installed (feature `metrics`).
//!
//! What the client counts is read once a second, by a task that keeps its handles. The times of asks are
//! counted here as each ends, and told by the same task.

pub(crate) mod counts;
pub(crate) mod latencies;
pub(crate) mod sampler;
pub(crate) mod table;
mod times;
