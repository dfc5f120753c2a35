//! The messages of `python/typed`, and of the nodes' own application, as `casty types` writes them.

#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "they are as any program gets them"
)]

pub(crate) mod app;
#[path = "../../crates/casty-types/tests/golden/choices.rs"]
pub(crate) mod choices;
#[path = "../../crates/casty-types/tests/golden/containers.rs"]
pub(crate) mod containers;
#[path = "../../crates/casty-types/tests/golden/forward.rs"]
pub(crate) mod forward;
#[path = "../../crates/casty-types/tests/golden/generics.rs"]
pub(crate) mod generics;
#[path = "../../crates/casty-types/tests/golden/shapes.rs"]
pub(crate) mod shapes;
