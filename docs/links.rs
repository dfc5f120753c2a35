//! Links of documents to files of the project lead to files that exist.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders without documents of ours.
const SKIPPED: [&str; 3] = ["target", ".git", "corpus"];

#[test]
fn links_lead_to_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let documents = documents(root);
    assert!(documents.iter().any(|path| path.ends_with("README.md")));
    let mut broken = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        let folder = document.parent().unwrap();
        for link in links(&text).filter(|link| !folder.join(link).exists()) {
            broken.push(format!("{}: {link}", document.display()));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_relative_links_are_followed_and_sections_left_out() {
    let text = "[a](b.md) [c](https://d/e.md) [f](g/h.md#i) [j](#k) `l[m](n)`";
    let found: Vec<_> = links(text).collect();
    assert_eq!(found, ["b.md", "g/h.md", "n"]);
}

/// The targets of links to files, without the section.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0));
    let targets = targets.filter(|target| !target.contains("://") && !target.contains(' '));
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty())
}

/// The Markdown files below a folder.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                found.extend(documents(&path));
            }
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
    found
}
