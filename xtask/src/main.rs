//! The project's own commands: cargo xtask ci | test | tidy | interop | bench.

fn main() {}
