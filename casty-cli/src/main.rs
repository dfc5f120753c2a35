//! The casty command: talk to a Casty cluster from a shell.

fn main() {}
