//! What is checked of every decoder, and of the router, for any input whatever.
//!
//! A target is a function of bytes that panics if something does not hold. libFuzzer looks for such
//! bytes (`cargo xtask fuzz`); the tests of this package replay what it has kept under `corpus/`,
//! with no fuzzer and on any toolchain.
//!
//! Linking this crate makes `allocation_counter` the program's allocator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a panic is how a target says that something does not hold"
)]

mod address;
mod codec;
pub mod compression;
mod config;
pub mod memory;
mod router;
pub mod seeds;
mod wire;

/// Something to be fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: of the fuzzer's program and of the folder of its corpus.
    pub name: &'static str,
    /// Checks one input. Panics if something does not hold.
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
}

/// The target of this name.
///
/// # Panics
/// There is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.unwrap_or_else(|| panic!("no target is called {name}"))
}
