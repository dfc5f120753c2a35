//! Messages of `casty.distributed`: a module for each of the distributed structures.
//!
//! The region must have been spawned by a node, with the same shard count (100 unless chosen
//! otherwise, 10 for a barrier).

pub mod barrier;
pub mod counter;
pub mod dict;
pub mod lock;
pub mod optional;
pub mod queue;
pub mod semaphore;
pub mod set;

/// Returns what a grant that does not say it means: nodes of casty 0.21 send none that they refuse.
fn yes() -> bool {
    true
}

/// Returns whether a field is what nodes of casty 0.21 leave out.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_yes(it: &bool) -> bool {
    *it
}
