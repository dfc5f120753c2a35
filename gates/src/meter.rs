//! The part of a stage that is not to be counted.

/// A function that runs another one without counting what that costs.
pub type LeaveOut = fn(&mut dyn FnMut());
