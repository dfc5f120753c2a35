//! The stages of a message's way through the client, each as often as wanted, for programs that count
//! what a message costs there.
//!
//! A stage is deterministic: one thread, no socket, a node in the same process, and a clock that
//! stands still. What it costs for twice as many messages less what it costs for them is the cost of
//! the messages alone: whatever is done once goes out.

use std::error::Error;

mod args;
mod meter;
mod node;
mod stages;
mod whole;

pub use args::count;
pub use meter::LeaveOut;
pub use stages::{STAGES, Stage};

/// An error that ends a program, as a line for the terminal.
pub type Failure = Box<dyn Error + Send + Sync>;
