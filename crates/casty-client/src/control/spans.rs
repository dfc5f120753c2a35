//! The spans of dials, subscriptions and views: what is recorded of each, and when.

use casty_proto::{Chain, NodeAddress};
use casty_routing::View;
use casty_transport::{ConnectError, Connection};
use tracing::Span;
use tracing::field::display;

use crate::spans;

/// The span of one dial. An empty one costs nothing.
#[derive(Debug, Clone)]
pub(super) struct DialSpan(Span);

impl DialSpan {
    /// Begins the span of a dial.
    pub(super) fn begin(node: &NodeAddress, secondary: bool) -> Self {
        let span = spans::connect();
        span.record("node", display(node));
        span.record("secondary", secondary);
        Self(span)
    }

    /// Records the outcome; the span ends when the dial is dropped.
    pub(super) fn end(&self, outcome: &Result<Connection, ConnectError>) {
        match outcome {
            Ok(connection) => {
                self.0.record("peer", display(&connection.peer));
                self.0.record("outcome", "connected");
            }
            Err(error) => {
                self.0.record("error", display(Chain(error)));
                self.0.record("outcome", "failed");
            }
        }
    }
}

impl From<DialSpan> for Span {
    fn from(dial: DialSpan) -> Self {
        dial.0
    }
}

/// The span of the latest subscription, until a view of it is taken.
#[derive(Debug, Default)]
pub(super) struct SubscribeSpan(Option<(NodeAddress, u64, Span)>);

impl SubscribeSpan {
    /// Begins the span of a subscription, and ends that of one before, which has sent nothing.
    pub(super) fn begin(&mut self, node: &NodeAddress, subscription: u64) {
        self.end("ended");
        let span = spans::subscribe();
        span.record("node", display(node));
        span.record("subscription", subscription);
        self.0 = Some((node.clone(), subscription, span));
    }

    /// Ends the span if a view of its subscription was taken.
    pub(super) fn taken(&mut self, subscription: u64) {
        if self.is(|(_, of, _)| *of == subscription) {
            self.end("taken");
        }
    }

    /// Ends the span if it is of the node, which sends nothing.
    pub(super) fn silent(&mut self, node: &NodeAddress) {
        if self.is(|(of, ..)| of == node) {
            self.end("silent");
        }
    }

    /// Ends the span of a subscription that is given up.
    pub(super) fn given_up(&mut self, subscription: u64) {
        if self.is(|(_, of, _)| *of == subscription) {
            self.end("ended");
        }
    }

    fn is(&self, of: impl Fn(&(NodeAddress, u64, Span)) -> bool) -> bool {
        self.0.as_ref().is_some_and(of)
    }

    fn end(&mut self, outcome: &'static str) {
        if let Some((.., span)) = self.0.take() {
            span.record("outcome", outcome);
        }
    }
}

impl Drop for SubscribeSpan {
    fn drop(&mut self) {
        self.end("ended");
    }
}

/// The span of one view.
#[derive(Debug)]
pub(super) struct ViewSpan(Span);

impl ViewSpan {
    /// Begins the span of a view that has come.
    pub(super) fn begin(node: &NodeAddress, subscription: u64) -> Self {
        let span = spans::view();
        span.record("node", display(node));
        span.record("subscription", subscription);
        Self(span)
    }

    /// Ends the span of a view that was not taken, or changes nothing.
    pub(super) fn end(self, outcome: &'static str) {
        self.0.record("outcome", outcome);
    }

    /// Ends the span of a view that was taken.
    pub(super) fn fresh(self, view: &View) {
        self.0.record("epoch", view.version().epoch);
        self.0.record("members", view.members().len() as u64);
        self.end("fresh");
    }
}
