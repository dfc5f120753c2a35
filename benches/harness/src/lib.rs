//! The parts that every program of the benchmark has, this client's and those of its peers: loads,
//! samples, and the orders that a worker obeys.
//!
//! A worker is a process that holds one sender of messages. It says that it is ready, and then
//! obeys one order after the other: carry a load for so long. See [`worker`].

use std::error::Error;

pub mod asking;
pub mod figures;
pub mod load;
pub mod machine;
pub mod sample;
pub mod worker;

/// An error that ends a program early, as a line for the terminal.
pub type Failure = Box<dyn Error + Send + Sync>;
