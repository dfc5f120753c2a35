//! The state of the writer, which all parts of the text share.

use std::collections::BTreeSet;

use crate::plan::{Cycles, Plan, TraitsOf};

/// The longest line that rustfmt leaves as it is.
pub(super) const WIDTH: usize = 100;

/// The plan, and all that is known of it while the text is written.
pub(super) struct Writer<'a> {
    pub(super) plan: &'a Plan,
    pub(super) traits: TraitsOf,
    pub(super) ordered: Vec<bool>,
    pub(super) cycles: Cycles,
    /// The number of containers around the type at hand: what they hold lies elsewhere and needs no box.
    pub(super) containers: usize,
    /// The types that the text uses and does not define.
    pub(super) imports: BTreeSet<&'static str>,
}
