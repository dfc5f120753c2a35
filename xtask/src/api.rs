//! The public API of each published library, as the files in `api/` list it: a change to it is seen
//! in review.
//!
//! The listing is taken from the JSON that rustdoc writes, whose form each release of Rust changes.
//! So it is taken on the promised release alone, which CI runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use public_api::{Builder, PublicItem};

use crate::metadata;
use crate::release;
use crate::steps::{Failure, Steps, cargo, root};
use crate::tools;

/// The libraries that are published.
const CRATES: [&str; 6] = [
    "casty-proto",
    "casty-routing",
    "casty-transport",
    "casty-client",
    "casty-testkit",
    "casty-types",
];

/// Traits that listings leave out: nobody names them.
const UNLISTED: [&str; 5] = [
    "core::marker::Freeze",
    "core::marker::StructuralPartialEq",
    "core::marker::UnsafeUnpin",
    "core::panic::unwind_safe::RefUnwindSafe",
    "core::panic::unwind_safe::UnwindSafe",
];

/// Tells this program that it stands in for rustdoc, and where rustdoc is.
const RUSTDOC: &str = "CASTY_XTASK_RUSTDOC";

/// Compares the public API with the stored listings, or writes those anew.
pub(crate) fn run(steps: &mut Steps, write: bool) -> Result<(), Failure> {
    let release = release::installed()?;
    let promised = release::promised(&metadata::packages()?)?;
    if release != promised {
        println!(
            "the public API is not compared: that takes Rust {promised}, this is {release}, and the \
             JSON of rustdoc differs from release to release"
        );
        return if write {
            Err(Failure(format!("it takes Rust {promised}")))
        } else {
            Ok(())
        };
    }
    steps.run("api", &mut document()?)?;
    let verb = if write { "written" } else { "compared" };
    steps.check(&format!("the public API is {verb}"), || {
        let mut changed = Vec::new();
        for name in CRATES {
            let path = root().join("api").join(format!("{name}.txt"));
            let today = listing(name)?;
            if write {
                store(&path, &today)?;
            } else if let Some(difference) = difference(&stored(&path), &today) {
                println!("{name}:\n{difference}");
                changed.push(name);
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let names = changed.join(", ");
        Err(Failure(format!(
            "{names}: the public API is not as api/ lists it, see above; if that is meant, run \
             `cargo xtask api --write`, and say so in CHANGELOG.md"
        )))
    })
}

/// Returns the command that has rustdoc write JSON.
///
/// Only the nightly compiler does that unasked. To ask any other, `RUSTC_BOOTSTRAP` is set for
/// rustdoc alone: build scripts look at it too, and everything would be built once more.
fn document() -> Result<Command, Failure> {
    let this = env::current_exe().map_err(|error| Failure(format!("xtask: {error}")))?;
    let rustdoc = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    let mut command = cargo([
        "doc",
        "--workspace",
        "--lib",
        "--all-features",
        "--no-deps",
        "--quiet",
    ]);
    command.env("RUSTDOC", this).env(RUSTDOC, rustdoc).env(
        "RUSTDOCFLAGS",
        "-Z unstable-options --output-format json --cap-lints allow",
    );
    Ok(command)
}

/// Runs rustdoc in this program's place, if this program was started in rustdoc's.
pub(crate) fn rustdoc() -> Option<ExitCode> {
    let mut rustdoc = Command::new(env::var_os(RUSTDOC)?);
    let status = rustdoc
        .args(env::args_os().skip(1))
        .env_remove(RUSTDOC)
        .env("RUSTC_BOOTSTRAP", "1")
        .status();
    match status {
        Ok(status) if status.success() => Some(ExitCode::SUCCESS),
        _ => Some(ExitCode::FAILURE),
    }
}

/// Returns the public API of a library, an item a line.
fn listing(name: &str) -> Result<String, Failure> {
    let json = format!("doc/{}.json", name.replace('-', "_"));
    let api = Builder::from_rustdoc_json(tools::target().join(json))
        .omit_blanket_impls(true)
        .build()
        .map_err(|error| Failure(format!("{name}: {error}")))?;
    let is_of_trait = |item: &&PublicItem| is_of_trait(&item.to_string());
    let traits: BTreeSet<_> = api
        .items()
        .filter(is_of_trait)
        .map(|item| item.id().0)
        .collect();
    let mut text = String::new();
    for item in api.items() {
        let line = item.to_string();
        let is_method = item.parent_id().is_some_and(|id| traits.contains(&id.0));
        if !(is_method && is_function(&line) || is_unlisted(&line)) {
            let _ = writeln!(text, "{line}");
        }
    }
    Ok(text)
}

/// Returns whether a line is the implementation of a trait: its functions are known from the trait,
/// and are not listed once more.
fn is_of_trait(line: &str) -> bool {
    line.starts_with("impl") && line.contains(" for ")
}

fn is_function(line: &str) -> bool {
    let words: Vec<_> = line.split(' ').take(4).collect();
    words.contains(&"fn")
}

fn is_unlisted(line: &str) -> bool {
    is_of_trait(line) && UNLISTED.iter().any(|name| line.contains(name))
}

fn stored(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn store(path: &PathBuf, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    let done = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    done.map_err(Failure::at(path))
}

/// Returns the lines that went, and those that came; `None` if none did.
fn difference(before: &str, after: &str) -> Option<String> {
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    for line in before.lines() {
        *counts.entry(line).or_default() -= 1;
    }
    for line in after.lines() {
        *counts.entry(line).or_default() += 1;
    }
    let mut text = String::new();
    for (line, count) in counts.iter().filter(|(_, count)| **count != 0) {
        let mark = if *count < 0 { '-' } else { '+' };
        let _ = writeln!(text, "{mark} {line}");
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_and_what_came_is_told_and_order_is_nothing() {
        assert_eq!(difference("a\nb\n", "b\na\n"), None);
        let difference = difference("a\nb\nb\n", "b\nc\n").unwrap();
        assert_eq!(difference, "- a\n- b\n+ c\n");
    }

    #[test]
    fn lines_are_known_for_what_they_are() {
        assert!(is_of_trait("impl<'a> core::clone::Clone for x::A<'a>"));
        assert!(!is_of_trait("impl<'a> x::A<'a>"));
        assert!(is_function("pub const unsafe fn x::a()"));
        assert!(!is_function("pub type x::A = fn ()"));
        assert!(is_unlisted("impl core::marker::Freeze for x::A"));
        assert!(!is_unlisted("impl core::marker::Send for x::A"));
    }
}
