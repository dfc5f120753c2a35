//! The Rust blocks of README.md and of the guide, compiled as they stand and run against nodes in this process.
//!
//! `build.rs` takes them out of the pages. A function of a block that nothing here calls is dead code, which the
//! compiler tells; a block that cannot be run says why, by `expect(dead_code)`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]
#![allow(
    clippy::duration_suboptimal_units,
    clippy::ignored_unit_patterns,
    clippy::unused_async,
    reason = "the pages say what readers need and no more"
)]

use std::fs;
use std::path::Path;

/// Includes a block of a page: its name is the page's with the number of the block.
macro_rules! block {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}

mod nodes;

mod asking;
mod back_pressure;
mod connecting;
mod fates;
mod getting_started;
mod many;
mod migrating;
mod operating;
mod production;
mod readme;
mod sending;
mod serializers;
mod services;
mod streams;
mod structures;
mod testing;
mod transports;

#[test]
fn each_block_of_the_pages_is_included_here() {
    let names = include_str!(concat!(env!("OUT_DIR"), "/names.txt"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snippets");
    let files = fs::read_dir(folder).unwrap();
    let sources = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let sources: String = sources.collect();
    let is_included = |name: &&str| sources.contains(&format!("block!(\"{name}\")"));
    let (included, left): (Vec<_>, Vec<_>) = names.lines().partition(is_included);
    assert!(included.len() > 20, "{included:?}");
    assert_eq!(
        left, [""; 0],
        "run each in docs/snippets, or say there why it cannot be run"
    );
}
