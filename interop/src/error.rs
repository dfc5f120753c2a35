//! The error of a scenario, a fault, and everything that they are made of.

use std::error::Error;

/// The reason that a scenario failed.
pub type Failure = Box<dyn Error + Send + Sync>;
