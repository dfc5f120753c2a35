//! todo
use crate::scenario::Scenario;
pub(super) const SCENARIOS: &[Scenario] = &[];
