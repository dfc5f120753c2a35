//! The program's own source of trace contexts.

use std::sync::Arc;

use casty_proto::TraceParent;

/// A function that returns the trace context of the message that is being sent, or none.
pub(crate) type TraceSource = Arc<dyn Fn() -> Option<TraceParent> + Send + Sync>;
