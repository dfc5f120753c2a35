//! The spans of a client: their names, levels and fields, declared here and nowhere else.
//!
//! Events are told where they happen, with their module as the target; spans all have a target of their own.
//! A span that no subscriber is interested in is none: nothing is formatted, allocated or recorded for it.

use tracing::field::Empty;
use tracing::{Level, Span};

/// Declares the spans: for each a function that returns it, with all its fields empty, and the row of the
/// table that the documentation is compared with.
macro_rules! spans {
    ($($span:ident = $name:literal, $target:literal, $level:ident, $parent:tt, $help:literal {
        $($field:ident: $meaning:literal,)*
    })*) => {
        $(
            #[doc = $help]
            pub(crate) fn $span() -> Span {
                spans!(@span $parent $target, $level, $name, $($field,)*)
            }
        )*

        /// All spans.
        #[cfg(test)]
        const SPANS: &[Declared] = &[$(
            Declared {
                make: $span,
                name: $name,
                target: $target,
                level: Level::$level,
                help: $help,
                fields: &[$((stringify!($field), $meaning),)*],
            },
        )*];
    };
    (@span root $target:literal, $level:ident, $name:literal, $($field:ident,)*) => {
        tracing::span!(target: $target, parent: None, Level::$level, $name, $($field = Empty,)*)
    };
    (@span child $target:literal, $level:ident, $name:literal, $($field:ident,)*) => {
        tracing::span!(target: $target, Level::$level, $name, $($field = Empty,)*)
    };
}

/// One span as it is declared.
#[cfg(test)]
struct Declared {
    make: fn() -> Span,
    name: &'static str,
    target: &'static str,
    level: Level,
    help: &'static str,
    /// The fields, and what each is.
    fields: &'static [(&'static str, &'static str)],
}

/// The level of [`ask`]: the only span on the way of messages.
pub(crate) const ASK_LEVEL: Level = Level::DEBUG;

spans! {
    connect = "connect", "casty_client::connect", INFO, root,
    "A dial of a node, from the look-up of its name to the end of the handshake." {
        node: "the address that is dialled",
        secondary: "whether it is a secondary connection, under the first address of the client",
        peer: "the address by which the node calls itself",
        outcome: "`connected` or `failed`",
        error: "why it failed, with the causes",
    }
    subscribe = "subscribe", "casty_client::view", INFO, root,
    "A subscription to the views of a node, from the message to the first view that is taken." {
        node: "the node that is to send its views",
        subscription: "the number of the subscription",
        outcome: "`taken`; `silent`, if no view came in time; `ended`, if it was given up before",
    }
    view = "view", "casty_client::view", DEBUG, root,
    "A view of the cluster, from its arrival until it is taken, or refused." {
        node: "the node that sent it",
        subscription: "the number of the subscription",
        outcome: "`fresh`, `unchanged`, `repeated` (byte for byte), `superseded` or `refused`",
        epoch: "the epoch of its allocations, if it is fresh",
        members: "the number of its members, if it is fresh",
    }
    ask = "ask", "casty_client::ask", DEBUG, child,
    "An ask, from the call to the reply or the error." {
        region: "the region of the entity that is asked",
        path: "the path of the actor that is asked; none of an entity",
        message: "the Rust type of the message",
        node: "the node that the message went to, the last one if there were several",
        attempts: "how often the message was sent, 0 if it never was",
        outcome: "`replied`, the kind of the error, or `abandoned`",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::{Arc, Mutex};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// Keeps the descriptions of the spans that are made.
    #[derive(Clone, Default)]
    struct Made(Arc<Mutex<Vec<&'static Metadata<'static>>>>);

    impl Subscriber for Made {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.lock().unwrap().push(span.metadata());
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn each_span_is_as_it_is_declared() {
        let made = Made::default();
        tracing::subscriber::with_default(made.clone(), || {
            for declared in SPANS {
                drop((declared.make)());
            }
        });
        let made = made.0.lock().unwrap();
        assert_eq!(made.len(), SPANS.len());
        for (made, declared) in made.iter().zip(SPANS) {
            assert_eq!(made.name(), declared.name);
            assert_eq!(made.target(), declared.target, "{}", declared.name);
            assert_eq!(*made.level(), declared.level, "{}", declared.name);
            let fields: Vec<_> = made.fields().iter().map(|field| field.name()).collect();
            let expected: Vec<_> = declared.fields.iter().map(|(name, _)| *name).collect();
            assert_eq!(fields, expected, "{}", declared.name);
        }
    }

    #[test]
    fn asks_are_looked_at_by_the_level_of_their_span() {
        let ask = SPANS.iter().find(|declared| declared.name == "ask");
        assert_eq!(ask.map(|declared| declared.level), Some(ASK_LEVEL));
    }

    #[test]
    fn no_span_has_a_field_for_an_entity_or_a_payload() {
        for declared in SPANS {
            for (field, _) in declared.fields {
                assert!(
                    !["entity", "id", "payload", "reply"].contains(field),
                    "{field}"
                );
            }
        }
    }

    #[test]
    fn the_documentation_lists_every_span_as_it_is() {
        let mut rows = Vec::new();
        for declared in SPANS {
            let level = declared.level.as_str().to_lowercase();
            let Declared {
                name, target, help, ..
            } = declared;
            rows.push(format!("| `{name}` | {level} | `{target}` | | {help} |"));
            for (field, meaning) in declared.fields {
                rows.push(format!("| `{name}` | | | `{field}` | {meaning} |"));
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tracing.md");
        let page = fs::read_to_string(path).expect("the page");
        let found: Vec<_> = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        assert_eq!(found, rows, "\n{}", rows.join("\n"));
    }
}
