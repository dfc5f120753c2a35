//! The end-to-end benchmark: the whole client against a node that costs next to nothing, beside
//! the barest loop that sends the same frames to the same node, its peers, and casty's own client.
//!
//! README.md of this package says what each figure means. `casty-bench` runs [`plan`]'s cells on
//! workers, processes that each hold one sender ([`sender`], and those of `benches/peers`), and
//! writes the [`report`].

#[cfg(feature = "run")]
pub mod certificates;
pub mod dials;
#[cfg(feature = "run")]
pub mod encrypted;
pub mod floor;
pub mod frames;
pub mod machine;
#[cfg(feature = "run")]
pub mod memory;
pub mod node;
#[cfg(feature = "run")]
pub mod options;
pub mod outlet;
#[cfg(feature = "run")]
pub mod plan;
#[cfg(feature = "run")]
pub mod plots;
#[cfg(feature = "run")]
pub mod process;
#[cfg(feature = "run")]
pub mod ratios;
#[cfg(feature = "run")]
pub mod real;
#[cfg(feature = "run")]
pub mod report;
#[cfg(feature = "run")]
pub mod results;
pub mod routed;
#[cfg(feature = "run")]
pub mod scale;
#[cfg(feature = "run")]
pub mod sender;
#[cfg(feature = "run")]
pub mod served;
pub mod views;
pub mod whole;
#[cfg(feature = "run")]
pub mod workers;

pub use casty_bench_harness::Failure;
