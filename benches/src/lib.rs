//! The end-to-end benchmark: the whole client against a node that costs next to nothing, beside
//! the barest loop that sends the same frames to the same node.
//!
//! README.md of this package says what each figure means.

use std::error::Error;

pub mod cell;
pub mod dials;
pub mod figures;
pub mod floor;
pub mod frames;
pub mod machine;
pub mod node;
pub mod options;
pub mod process;
pub mod report;
pub mod views;
pub mod whole;

/// An error that ends a run early, as a line for the terminal.
pub type Failure = Box<dyn Error + Send + Sync>;
