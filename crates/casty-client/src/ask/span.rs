//! The span of an ask: where it goes is recorded when it is sent, the rest when it has ended.

use casty_proto::{Escaped, NodeAddress};
use tracing::Span;
use tracing::field::display;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};

use crate::ask::outcome::AskOutcome;
use crate::error::AskError;
use crate::message::Destination;
use crate::pending_asks::id::PeerId;
use crate::send::Core;
use crate::spans::{self, ASK_LEVEL};

/// The span of one ask; empty, and a null pointer, where nobody listens.
#[derive(Debug, Default)]
pub(crate) struct AskSpan(Option<Box<Open>>);

/// A span that somebody listens to.
#[derive(Debug)]
pub(crate) struct Open {
    span: Span,
    /// The connection that carried it last, and its node.
    carrier: Option<(PeerId, NodeAddress)>,
    attempts: u32,
}

impl AskSpan {
    /// Begins the span if a subscriber listens: one load and two comparisons where none does.
    #[inline]
    pub(crate) fn begin(&mut self) {
        if ASK_LEVEL <= STATIC_MAX_LEVEL && ASK_LEVEL <= LevelFilter::current() {
            self.open();
        }
    }

    #[cold]
    #[inline(never)]
    fn open(&mut self) {
        let span = spans::ask();
        if !span.is_disabled() {
            self.0 = Some(Box::new(Open {
                span,
                carrier: None,
                attempts: 0,
            }));
        }
    }

    /// Returns the span, if somebody listens.
    #[inline]
    pub(crate) fn listened(&mut self) -> Option<&mut Open> {
        self.0.as_deref_mut()
    }

    /// Records who is asked, and the type of the message.
    #[inline]
    pub(crate) fn sent_to(&self, to: &Destination<'_>, kind: &'static str) {
        if let Some(open) = &self.0 {
            open.sent_to(to, kind);
        }
    }

    /// Records that an actor of this client is asked.
    #[inline]
    pub(crate) fn sent_here(&self, path: &str) {
        if let Some(open) = &self.0 {
            open.span.record("path", display(Escaped::new(path)));
        }
    }

    /// Ends the span of an ask that ended with this error, or without one. Once.
    #[inline]
    pub(crate) fn end(&mut self, error: Option<&AskError>) {
        if let Some(open) = self.0.take() {
            open.end(AskOutcome::of(error), error);
        }
    }

    /// Ends the span of an ask that was given up, unless it has ended.
    #[inline]
    pub(crate) fn abandon(&mut self) {
        if let Some(open) = self.0.take() {
            open.end(AskOutcome::Abandoned, None);
        }
    }
}

impl Open {
    #[cold]
    fn sent_to(&self, to: &Destination<'_>, kind: &'static str) {
        match to {
            Destination::Shard { name, .. } => {
                self.span.record("region", display(Escaped::new(name)));
            }
            Destination::Actor { path, .. } | Destination::Leader { path, .. } => {
                self.span.record("path", display(Escaped::new(path)));
            }
        }
        self.span.record("message", kind);
    }

    /// Notes the connection that carries the ask, if one does, and how often it was sent.
    pub(crate) fn note(&mut self, core: &Core, carrier: Option<PeerId>, attempts: u32) {
        self.attempts = attempts;
        if let Some(carrier) = carrier
            && self
                .carrier
                .as_ref()
                .is_none_or(|(known, _)| *known != carrier)
            && let Some(node) = core.node_of(carrier)
        {
            self.carrier = Some((carrier, node));
        }
    }

    #[cold]
    #[inline(never)]
    fn end(&self, outcome: AskOutcome, error: Option<&AskError>) {
        let node = match (error, &self.carrier) {
            (Some(AskError::Lost { node, .. }), _) | (_, Some((_, node))) => Some(node),
            _ => None,
        };
        if let Some(node) = node {
            self.span.record("node", display(node));
        }
        self.span.record("attempts", self.attempts);
        self.span.record("outcome", outcome.as_str());
    }
}
