//! The first lines of docs, which name their subject: `Returns whether ...` of a function, `The ...` of
//! everything else.

use super::mask;

/// Openings that ask or point, and leave it to the reader to find the subject.
const OPENINGS: [&str; 15] = [
    "By when", "How", "That", "Those", "What", "Whatever", "When", "Where", "Whether", "Which",
    "Who", "Whoever", "Whom", "Whose", "Why",
];

/// Returns what is wrong with the docs of a file of Rust, a line each.
pub(super) fn findings(path: &str, text: &str) -> Vec<String> {
    let Some((_, "rs")) = path.rsplit_once('.') else {
        return Vec::new();
    };
    let masked = mask::code_and_comments(text);
    let mut findings = Vec::new();
    let mut before = None;
    for (number, line) in (1..).zip(masked.lines()) {
        let marker = marker(line);
        if let Some(marker) = marker.filter(|_| marker != before) {
            let said = line.trim_start().strip_prefix(marker).unwrap_or_default();
            if let Some(opening) = opening(said) {
                findings.push(format!("{path}:{number}: docs open with `{opening}`"));
            }
        }
        before = marker;
    }
    findings
}

/// Returns the mark of the doc comment that a line is.
fn marker(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    let is_doc = |marker: &&&str| line.starts_with(**marker) && !line.starts_with("////");
    ["///", "//!"].iter().find(is_doc).copied()
}

/// Returns the opening that the text should not have.
fn opening(text: &str) -> Option<&'static str> {
    OPENINGS.into_iter().find(|opening| {
        let behind = text.trim_start().strip_prefix(opening);
        behind.is_some_and(|behind| !behind.starts_with(|next: char| next.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_of_docs_is_read() {
        for (docs, fine) in [
            ("/// Returns whether it is.", true),
            ("/// Whether it is.", false),
            ("    //! What is here.", false),
            ("/// By when it ends", false),
            ("/// Whatsoever", true),
            ("// Why it is so", true),
            ("//// Why it is so", true),
            ("/// The end.\n///\n/// When it comes, no one knows.", true),
            ("/// The end.\nenum A {\n/// Who knows.\nB }", false),
            ("//! The end.\n/// Why, of course", false),
            ("let a = \"\n/// What a text\n\";", true),
        ] {
            assert_eq!(findings("a.rs", docs).is_empty(), fine, "{docs}");
        }
        let found = findings("a.rs", "/// A\nfn a() {}\n/// How\nfn b() {}\n");
        assert!(
            found[0].starts_with("a.rs:3: docs open with `How`"),
            "{found:?}"
        );
    }
}
