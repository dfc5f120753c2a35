//! Benchmarks of casty for Rust; run them with `cargo xtask bench`.
