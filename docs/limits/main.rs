//! The page of limits and defaults, held against the code: each setting with what the configuration refuses,
//! each fixed limit with what the sources say beside it.
//!
//! `cargo xtask limits --write` writes the tables of the page anew.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

mod example;
mod fixed;
mod settings;
mod value;

/// The variable with which the page is written in place of compared.
const WRITE: &str = "XTASK_WRITE";

#[test]
fn the_page_of_limits_says_what_the_code_does() {
    let path = root().join("docs/guide/src/limits.md");
    let page = fs::read_to_string(&path).unwrap();
    let today = replaced(&page, "settings", &settings::tables());
    let today = replaced(&today, "limits", &fixed::tables());
    if std::env::var_os(WRITE).is_some() {
        return fs::write(&path, today).unwrap();
    }
    let stale: Vec<_> = today.lines().filter(|line| !page.contains(line)).collect();
    assert!(
        page == today,
        "{} is out of date; run `cargo xtask limits --write`:\n{}",
        path.display(),
        stale.join("\n")
    );
}

#[test]
fn what_is_between_two_marks_is_replaced() {
    let page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
    let expected = "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb\n";
    assert_eq!(replaced(page, "x", "new\n"), expected);
    assert_eq!(replaced(expected, "x", "new\n"), expected);
}

fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().unwrap().to_owned()
}

/// Returns a page with another text between the marks of that name.
fn replaced(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (
        format!("<!-- begin {name} -->"),
        format!("<!-- end {name} -->"),
    );
    let (above, rest) = page.split_once(&begin).expect("the mark");
    let (_, below) = rest.split_once(&end).expect("its end");
    format!("{above}{begin}\n\n{}\n\n{end}{below}", text.trim())
}

/// Writes one row of a table.
fn row(table: &mut String, cells: &[&str]) {
    table.push('|');
    for cell in cells {
        write!(table, " {} |", cell.replace('|', "\\|")).unwrap();
    }
    table.push('\n');
}
