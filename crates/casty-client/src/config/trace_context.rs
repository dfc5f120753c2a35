//! The settings of trace contexts.

use std::sync::Arc;

use casty_proto::TraceParent;

use super::ClientBuilder;
use crate::trace_source::TraceSource;

impl ClientBuilder {
    /// Sets whether messages carry the trace context that [`trace_source`](Self::trace_source) returns, as
    /// the key `traceparent` of their headers, 74 bytes each. Default: `false`; without a source it does
    /// nothing.
    ///
    /// Nodes ignore the key; members of one's own can read it ([`casty_proto::header::trace_parent`]).
    /// Tells and asks of entities and actors of nodes carry it, and every copy of an idempotent ask the
    /// same one. The protocol's own messages and those of streams do not.
    pub fn trace_context(mut self, carried: bool) -> Self {
        self.trace_context = Some(carried);
        self
    }

    /// Sets the source of trace contexts: a function that returns the one of the message that is being
    /// sent, or none. Used if [`trace_context`](Self::trace_context) is set, or the key of that name in a
    /// configuration. Default: none.
    ///
    /// It is called by whoever sends, for each message, for each copy that was refused and is sent again,
    /// and once for some dozens of messages that are sent together; never while a lock of the client is
    /// held. It must not block. A panic is the sender's.
    ///
    /// ```
    /// use casty_client::{ClusterClient, TraceParent};
    ///
    /// # fn current() -> Option<([u8; 16], [u8; 8], u8)> { None }
    /// let builder = ClusterClient::builder("my-cluster")
    ///     .trace_context(true)
    ///     .trace_source(|| {
    ///         let (trace, span, flags) = current()?;
    ///         TraceParent::new(trace, span, flags).ok()
    ///     });
    /// ```
    pub fn trace_source(
        mut self,
        source: impl Fn() -> Option<TraceParent> + Send + Sync + 'static,
    ) -> Self {
        self.trace_source = Some(Arc::new(source));
        self
    }

    /// Returns the source of trace contexts, if messages are to carry them.
    pub(crate) fn used_trace_source(&self) -> Option<TraceSource> {
        let carried = self.trace_context;
        #[cfg(feature = "config")]
        let carried = carried.or_else(|| self.settings.as_ref()?.trace_context);
        let source = self.trace_source.as_ref();
        source.filter(|_| carried.unwrap_or(false)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use crate::{ClientBuilder, ClusterClient};

    fn with_source() -> ClientBuilder {
        ClusterClient::builder("s").trace_source(|| None)
    }

    #[test]
    fn messages_carry_no_trace_context_unless_that_is_set_and_there_is_a_source() {
        assert!(with_source().used_trace_source().is_none());
        assert!(
            with_source()
                .trace_context(true)
                .used_trace_source()
                .is_some()
        );
        assert!(
            with_source()
                .trace_context(false)
                .used_trace_source()
                .is_none()
        );
        let without = ClusterClient::builder("s").trace_context(true);
        assert!(without.used_trace_source().is_none());
    }

    #[test]
    #[cfg(feature = "config")]
    fn a_configuration_turns_trace_contexts_on_and_the_program_overrides_it() {
        let of = |value: &str| {
            let layers = crate::ClientConfig::layers();
            let layers = layers.variables([("CASTY_TRACE_CONTEXT", value)]);
            layers.and_then(crate::ConfigLayers::load)
        };
        let on = || of("true").unwrap().builder().trace_source(|| None);
        assert!(on().used_trace_source().is_some());
        assert!(on().trace_context(false).used_trace_source().is_none());
        let off = of("false").unwrap().builder().trace_source(|| None);
        assert!(off.used_trace_source().is_none());
        let text = of("yes").unwrap_err().to_string();
        assert!(text.contains("true or false"), "{text}");
    }
}
