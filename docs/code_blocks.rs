//! The Rust blocks of the documents, compiled as doc tests: `cargo test -p casty-docs --doc`.

/// README.md at the top of the project.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The guide's page for those who come from Python's client.
#[cfg(doctest)]
#[doc = include_str!("guide/src/migrating.md")]
pub struct Migrating;
