//! Messages of `casty.distributed`: a module for each of the distributed structures.
//!
//! The region must have been spawned by a node, with the same shard count (100 unless chosen
//! otherwise, 10 for a barrier).

pub mod barrier;
pub mod counter;
pub mod dict;
pub mod lock;
pub mod queue;
pub mod semaphore;
pub mod set;
