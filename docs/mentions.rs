//! Links, paths and tests that the documents mention exist.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders without files of ours.
const SKIPPED: [&str; 3] = ["target", ".git", "corpus"];

/// The beginnings of paths from the workspace's folder.
const TOP: [&str; 8] = [
    "crates/",
    "benches/",
    "docs/",
    "examples/",
    "fuzz/",
    "interop/",
    "soak/",
    "xtask/",
];

/// The fewest words of a test's name, which is a sentence.
const SENTENCE: usize = 6;

#[test]
fn links_lead_to_files_that_exist() {
    let broken = mentions(|folder, text| {
        let broken = links(text).filter(|link| !folder.join(link).exists());
        broken.map(str::to_owned).collect()
    });
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn paths_from_the_workspace_exist() {
    let broken = mentions(|folder, text| {
        let paths = quoted(text).filter(|quoted| TOP.iter().any(|top| quoted.starts_with(top)));
        let paths = paths.filter(|path| !path.contains(['*', ' ', '{']));
        // A crate has examples of its own.
        let is_there = |path: &str| root().join(path).exists() || folder.join(path).exists();
        let broken = paths.filter(|path| !is_there(path));
        broken.map(str::to_owned).collect()
    });
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn tests_that_the_documents_name_exist() {
    let sources = files(root(), "rs");
    let sources: Vec<_> = sources
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let broken = mentions(|_, text| {
        let names = quoted(text).filter(|name| is_sentence(name));
        let is_there = |name: &&str| {
            let definition = format!("fn {name}(");
            // Or what a report calls a figure.
            let figure = format!("\"{name}\"");
            let is_in = |source: &String| source.contains(&definition) || source.contains(&figure);
            sources.iter().any(is_in)
        };
        names
            .filter(|name| !is_there(name))
            .map(str::to_owned)
            .collect()
    });
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_runbook_has_a_section_for_every_finding() {
    let source = root().join("crates/casty-routing/src/diagnosis/finding.rs");
    let source = fs::read_to_string(source).unwrap();
    let (_, names) = source.split_once("pub fn code(&self)").unwrap();
    let (names, _) = names.split_once("\n    }\n").unwrap();
    let names: Vec<_> = names.split('"').skip(1).step_by(2).collect();
    assert!(names.len() > 15, "{names:?}");
    let page = fs::read_to_string(root().join("docs/guide/src/operating.md")).unwrap();
    let named: Vec<_> = quoted(&page).collect();
    let missing: Vec<_> = names.iter().filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_book_has_every_document() {
    let folder = root().join("docs");
    let summary = folder.join("SUMMARY.md");
    let text = fs::read_to_string(&summary).unwrap();
    let listed: Vec<_> = links(&text).map(|link| folder.join(link)).collect();
    let all = files(&folder, "md").filter(|page| *page != summary);
    let missing: Vec<_> = all.filter(|page| !listed.contains(page)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn only_relative_links_are_followed_and_sections_left_out() {
    let text = "[a](b.md) [c](https://d/e.md) [f](g/h.md#i) [j](#k) `l[m](n)`";
    let found: Vec<_> = links(text).collect();
    assert_eq!(found, ["b.md", "g/h.md", "n"]);
}

#[test]
fn blocks_of_code_quote_nothing() {
    let found: Vec<_> = quoted("`a` b `c\n```sh\n`d`\n```\n`e`").collect();
    assert_eq!(found, ["a", "e"]);
    assert!(is_sentence("a_name_that_is_a_sentence") && !is_sentence("client_host"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Returns what `find` finds in each document, given its folder and its text.
fn mentions(find: impl Fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    let mut findings = Vec::new();
    for document in files(root(), "md") {
        let text = fs::read_to_string(&document).unwrap();
        let found = find(document.parent().unwrap(), &text);
        findings.extend(
            found
                .iter()
                .map(|found| format!("{}: {found}", document.display())),
        );
    }
    findings
}

/// Returns the targets of links to files, without the section.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0));
    let targets = targets.filter(|target| !target.contains("://") && !target.contains(' '));
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty())
}

/// Returns the code in the running text, between backticks on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    let running = text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    running.flat_map(|line| {
        let parts: Vec<_> = line.split('`').collect();
        let closed = parts.len() - (parts.len() + 1) % 2;
        parts.into_iter().take(closed).skip(1).step_by(2)
    })
}

fn is_sentence(name: &str) -> bool {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_name && name.split('_').count() >= SENTENCE
}

/// Returns the files below a folder whose names end so.
fn files(folder: &Path, extension: &str) -> impl Iterator<Item = PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name());
            if !entry.file_type().unwrap().is_dir() {
                found.extend(
                    path.extension()
                        .is_some_and(|it| it == extension)
                        .then_some(path),
                );
            } else if !SKIPPED.iter().any(|skipped| name == *skipped) {
                folders.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no {extension} files");
    found.into_iter()
}
