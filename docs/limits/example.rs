//! The meaning of each key, as the comments of `casty.example.toml` tell it.

use std::collections::BTreeMap;

/// The comments of the example file.
#[derive(Debug, Default)]
pub(crate) struct Comments {
    /// By key; keys that follow one another below one comment share it.
    pub(crate) keys: BTreeMap<String, String>,
    /// By table.
    pub(crate) tables: BTreeMap<String, String>,
}

impl Comments {
    pub(crate) fn read(text: &str) -> Self {
        let mut comments = Self::default();
        let (mut table, mut open, mut last) = (String::new(), Vec::new(), String::new());
        for line in text.lines() {
            if let Some(name) = table_name(line) {
                last = told(&mut open).unwrap_or_default();
                comments.tables.insert(name.to_owned(), last.clone());
                table = format!("{name}.");
            } else if let Some(key) = key_name(line) {
                last = told(&mut open).unwrap_or(last);
                comments.keys.insert(format!("{table}{key}"), last.clone());
            } else if let Some(words) = line.strip_prefix("# ") {
                open.push(words);
            } else {
                open.clear();
            }
        }
        comments
    }
}

/// Returns the comment that has been read, without the variable at its end.
fn told(open: &mut Vec<&str>) -> Option<String> {
    let text = std::mem::take(open).join(" ");
    let text = text
        .split_once(" [CASTY_")
        .map_or(&*text, |(above, _)| above);
    (!text.is_empty()).then(|| text.to_owned())
}

fn table_name(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']')
}

/// Returns the key that a line sets, commented out or not.
fn key_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("# ").unwrap_or(line);
    let (name, _) = line.split_once(" = ")?;
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

#[test]
fn keys_below_one_comment_share_it_and_tables_have_their_own() {
    let text = "# Of the file.\n\n# One, in\n# two lines. [CASTY_A]\na = 1\n# b = 2\n\n# Of it.\n[t]\n\
                # Three of a = b\nc = 3\n";
    let comments = Comments::read(text);
    let keys: Vec<_> = comments.keys.iter().map(|(k, v)| (&**k, &**v)).collect();
    let one = "One, in two lines.";
    assert_eq!(keys, [("a", one), ("b", one), ("t.c", "Three of a = b")]);
    assert_eq!(comments.tables["t"], "Of it.");
}
