//! Takes the Rust blocks out of the documents, so that the test `snippets` compiles and runs them as they stand.

use std::fs;
use std::path::{Path, PathBuf};

/// The line that a block of Rust begins with, in part.
const FENCE: &str = "```rust";

/// The addresses that pages write, which the test has nodes at addresses of its own for.
const HOSTS: [&str; 2] = ["\"10.0.1.10:25520\"", "\"10.0.1.11:25520\""];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut pages = vec![PathBuf::from("../README.md")];
    for entry in fs::read_dir("guide/src")? {
        pages.push(entry?.path());
    }
    pages.sort();
    let mut names = Vec::new();
    for page in pages.iter().filter(|page| has_blocks(page)) {
        println!("cargo::rerun-if-changed={}", page.display());
        let stem = page.file_stem().unwrap_or_default().to_string_lossy();
        let stem = stem.to_lowercase().replace('-', "_");
        for (number, block) in (1..).zip(blocks(&fs::read_to_string(page)?)) {
            let name = format!("{stem}_{number}");
            fs::write(out.join(format!("{name}.rs")), with_own_hosts(block))?;
            names.push(name);
        }
    }
    println!("cargo::rerun-if-changed=guide/src");
    fs::write(out.join("names.txt"), names.join("\n"))?;
    Ok(())
}

/// Returns whether blocks are taken from a page: the guide's first one is of the same name as the project's.
fn has_blocks(page: &Path) -> bool {
    let is_markdown = page.extension().is_some_and(|extension| extension == "md");
    is_markdown && page != Path::new("guide/src/README.md")
}

/// Returns the text of each block of Rust.
fn blocks(page: &str) -> impl Iterator<Item = String> {
    let mut lines = page.lines();
    std::iter::from_fn(move || {
        lines.find(|line| line.starts_with(FENCE))?;
        let inside = lines.by_ref().take_while(|line| *line != "```");
        Some(inside.flat_map(|line| [line, "\n"]).collect())
    })
}

/// Returns a block that finds the test's nodes in place of those of an example.
fn with_own_hosts(block: String) -> String {
    let hosts = HOSTS.iter().enumerate();
    hosts.fold(block, |block, (node, host)| {
        block.replace(host, &format!("crate::nodes::host({node})"))
    })
}
