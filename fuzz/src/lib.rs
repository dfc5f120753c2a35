//! Checks of every decoder, of the router, of members of a cluster and of streams, that must hold for any input.
//!
//! A target is a function of bytes that panics if a check fails. libFuzzer looks for such bytes
//! (`cargo xtask fuzz`); the tests of this package replay the inputs that it has kept under `corpus/`,
//! without a fuzzer and on any toolchain.
//!
//! Linking this crate makes `allocation_counter` the program's allocator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a target reports a failed check by a panic"
)]

mod address;
mod codec;
pub mod compression;
mod config;
mod membership;
pub mod memory;
mod router;
pub mod seeds;
mod streams;
mod wire;

/// A function to be fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of the fuzzer's program and of the corpus's folder.
    pub name: &'static str,
    /// The check of one input, which panics if it fails.
    pub check: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident: $check:path;)*) => {
        /// All targets.
        pub const TARGETS: &[Target] = &[
            $(Target { name: stringify!($name), check: $check },)*
        ];
    };
}

targets! {
    frame: wire::frame;
    handshake: wire::handshake;
    header: wire::header;
    json: codec::json;
    msgpack: codec::msgpack;
    pickle: codec::pickle;
    protobuf: codec::protobuf;
    zlib: compression::zlib;
    gzip: compression::gzip;
    bz2: compression::bz2;
    lzma: compression::lzma;
    lz4: compression::lz4;
    address: address::address;
    config: config::config;
    router: router::router;
    membership: membership::membership;
    streams: streams::streams;
}

/// Returns the target of this name.
///
/// # Panics
/// There is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.unwrap_or_else(|| panic!("no target is called {name}"))
}
