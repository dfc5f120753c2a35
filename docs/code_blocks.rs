//! The Rust blocks of the documents, compiled as doc tests: `cargo test -p casty-docs --doc`.

/// README.md at the top of the project.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
