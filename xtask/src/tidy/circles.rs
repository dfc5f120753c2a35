//! Circles between the files of one crate: two files that use each other are one file in two.
//!
//! An arrow is an import, or a path in code, from one file to an item that another file of the same
//! crate defines, whatever re-exports lie between them. `mod child;` and `pub use child::Item;` are
//! no arrows. What is called as a method is not seen, and neither is what only tests compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use crate::metadata::Package;
use crate::steps::root;

use mentions::Mention;
use modules::{Import, Modules};
use names::Found;

mod graph;
mod mentions;
mod modules;
mod names;

/// An arrow that may close a circle.
struct Exception {
    package: &'static str,
    /// Files, from the package's folder.
    from: &'static str,
    to: &'static str,
    /// The reason that the two files cannot be cut apart.
    reason: &'static str,
}

const EXCEPTIONS: [Exception; 0] = [];

/// The files of a crate and the arrows between them.
#[derive(Debug, Default)]
struct Files {
    /// Paths from the package's folder, or from the workspace's if they lead out of that.
    paths: Vec<String>,
    arrows: BTreeMap<Arrow, Uses>,
    unread: Vec<String>,
}

/// Indices of two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: usize,
    to: usize,
}

/// The names that one file uses of another, each with the first line that does.
type Uses = BTreeMap<String, usize>;

/// The circles of all packages, and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// A line for each package.
    pub(super) summary: String,
    /// The same, and each circle with its arrows.
    pub(super) text: String,
    pub(super) findings: Vec<String>,
}

/// Reports on all packages, or on the one of that name.
pub(super) fn report(packages: &[Package], only: Option<&str>) -> Report {
    let mut report = Report::default();
    for package in packages {
        if only.is_none_or(|only| only == package.name) {
            let files = files(package);
            report.add(&package.name, &files, &EXCEPTIONS);
        }
    }
    report
}

/// Reads the sources of a package: those of its library and of its programs.
fn files(package: &Package) -> Files {
    let read = |path: &str| fs::read_to_string(root().join(path)).ok();
    let mut files = Files::default();
    for target in &package.sources {
        files.add(&Modules::read(target, &read));
    }
    let folder = format!("{}/", package.folder);
    for path in &mut files.paths {
        if let Some(within) = path.strip_prefix(&folder) {
            *path = within.to_owned();
        }
    }
    files
}

impl Files {
    fn add(&mut self, modules: &Modules) {
        self.unread.extend(modules.unread.iter().cloned());
        let ids: Vec<usize> = modules.files.iter().map(|path| self.id(path)).collect();
        let mut note = |from: usize, found: &[Found], line: usize| {
            for found in found {
                let Found::Item { module, name } = found else {
                    continue;
                };
                let file = |at: usize| {
                    let file = modules.list.get(at).map(|module| module.file);
                    file.and_then(|file| ids.get(file)).copied()
                };
                if let (Some(from), Some(to)) = (file(from), file(*module))
                    && from != to
                {
                    let uses = self.arrows.entry(Arrow { from, to }).or_default();
                    uses.entry(name.clone()).or_insert(line);
                }
            }
        };
        for (at, module) in modules.list.iter().enumerate() {
            let mentions = mentions::of(&module.code);
            for import in &mentions.imports {
                let found = modules.resolve(at, &import.path);
                if !is_child_shown(modules, at, import, &found) {
                    note(at, &found, import.line);
                }
            }
            for mention in &mentions.paths {
                note(at, &found(modules, at, mention), mention.line);
            }
        }
    }

    fn id(&mut self, path: &str) -> usize {
        let known = self.paths.iter().position(|known| known == path);
        known.unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        })
    }

    fn path(&self, file: usize) -> &str {
        self.paths.get(file).map_or("", String::as_str)
    }

    /// Returns the circles that are left without the arrows in `without`.
    fn circles(&self, without: &BTreeSet<Arrow>) -> Vec<Vec<usize>> {
        let mut targets = vec![Vec::new(); self.paths.len()];
        for arrow in self.arrows.keys().filter(|arrow| !without.contains(arrow)) {
            if let Some(targets) = targets.get_mut(arrow.from) {
                targets.push(arrow.to);
            }
        }
        graph::circles(&targets)
    }

    /// Returns the arrow that an exception is about.
    fn excepted(&self, exception: &Exception) -> Option<Arrow> {
        let id = |wanted: &str| self.paths.iter().position(|path| path == wanted);
        let arrow = Arrow {
            from: id(exception.from)?,
            to: id(exception.to)?,
        };
        self.arrows.contains_key(&arrow).then_some(arrow)
    }

    /// Writes a circle: its files, and each arrow between them with the names that make it.
    fn write(&self, circle: &[usize], text: &mut String) {
        let _ = writeln!(text, "  a circle of {} files:", circle.len());
        for (arrow, uses) in &self.arrows {
            if circle.contains(&arrow.from) && circle.contains(&arrow.to) {
                let uses: Vec<_> = uses
                    .iter()
                    .map(|(name, line)| format!("{name} (line {line})"))
                    .collect();
                let (from, to) = (self.path(arrow.from), self.path(arrow.to));
                let _ = writeln!(text, "    {from} -> {to}: {}", uses.join(", "));
            }
        }
    }
}

/// Returns what a mention leads to; a path in code never ends in a module.
fn found(modules: &Modules, at: usize, mention: &Mention) -> Vec<Found> {
    match &mention.path[..] {
        [name] if mention.is_macro => modules.resolve_macro(at, name),
        path => modules.resolve(at, path),
    }
}

/// Returns whether an import only shows others something of a module below this one.
fn is_child_shown(modules: &Modules, at: usize, import: &Import, found: &[Found]) -> bool {
    let below = |found: &Found| match found {
        Found::Module(module) | Found::Item { module, .. } => {
            *module != at && modules.is_within(*module, at)
        }
    };
    let first = import.path.get(..1).unwrap_or_default();
    let by_child = modules.resolve(at, first).iter().any(below);
    import.exported && (by_child || found.iter().all(below))
}

impl Report {
    fn add(&mut self, package: &str, files: &Files, exceptions: &[Exception]) {
        self.findings.extend(files.unread.iter().cloned());
        let mut without = BTreeSet::new();
        let mut notes = String::new();
        for exception in exceptions.iter().filter(|it| it.package == package) {
            let Exception {
                from, to, reason, ..
            } = exception;
            let Some(arrow) = files.excepted(exception) else {
                let finding = format!("{package}: the exception {from} -> {to} is of no arrow");
                self.findings.push(finding);
                continue;
            };
            without.insert(arrow);
            let _ = writeln!(notes, "  let be: {from} -> {to}: {reason}");
        }
        for arrow in &without {
            let mut others = without.clone();
            others.remove(arrow);
            if files.circles(&others) == files.circles(&without) {
                let (from, to) = (files.path(arrow.from), files.path(arrow.to));
                let finding = format!("{package}: the exception {from} -> {to} is needless");
                self.findings.push(finding);
            }
        }
        let circles = files.circles(&without);
        let (paths, arrows) = (files.paths.len(), files.arrows.len());
        let count = circles.len();
        let line =
            format!("{package}: {paths} files, {arrows} arrows between them, {count} circles\n");
        for text in [&mut self.summary, &mut self.text] {
            text.push_str(&line);
            text.push_str(&notes);
        }
        for circle in &circles {
            files.write(circle, &mut self.text);
        }
        if !circles.is_empty() {
            self.findings.push(format!(
                "{package}: {count} circles of files, see `cargo xtask tidy --circles {package}`"
            ));
        }
    }
}

#[cfg(test)]
mod tests;
