//! Words that the house has given up for those of the field.

use super::mask;

/// A word in all its forms, and the field's word for the same.
type Word = (&'static [&'static str], &'static str);

/// Words that stand nowhere: not in names, comments, texts or documents.
const EVERYWHERE: [Word; 15] = [
    (&["recall", "recalls", "recalled"], "revoke"),
    (&["parcel", "parcels"], "pending message"),
    (&["nudge", "nudges", "nudged"], "wake"),
    (&["bury", "buries", "buried"], "fail as not sent"),
    (&["grudge", "grudges"], "quarantine"),
    (&["companion", "companions"], "secondary connection"),
    (&["errand", "errands"], "command"),
    (&["roomy"], "with capacity"),
    (&["heir", "heirs"], "replacement"),
    (&["farewell", "farewells"], "removal grace"),
    (&["unfed"], "stale"),
    (&["unsettled"], "unconfirmed"),
    (&["readmit", "readmits", "readmitted"], "resume"),
    (
        &["forgive", "forgives", "forgiven", "forgiving"],
        "deferred wake-up",
    ),
    (&["debt", "debts"], "deferred wake-up"),
];

/// Words that are parts of no name; comments may use them as everybody does, and so may the names of
/// tests, which are sentences.
const IN_NAMES: [Word; 9] = [
    (&["whom", "whoever"], "target"),
    (&["owe", "owes", "owed"], "deferred"),
    (&["stirred"], "changed"),
    (&["ledger", "ledgers"], "accounts, or counters"),
    (&["dice"], "rng"),
    (&["lacking"], "missing route"),
    (&["parting"], "closing, or draining"),
    (&["complain"], "print an error"),
    (&["presume", "presumed"], "assume acknowledged"),
];

/// The words of the shortest sentence.
const SENTENCE: usize = 5;

/// Names, as they are written, and the names of today.
const NAMES: [(&str, &str); 8] = [
    ("HoldFull", "BufferFull"),
    ("hold_items", "buffer_messages"),
    ("hold_bytes", "buffer_bytes"),
    ("hold_timeout", "buffer_timeout"),
    ("hold_overflow", "buffer_overflow"),
    ("Links", "Connections"),
    ("Layers", "ConfigLayers"),
    ("Apart", "CachePadded"),
];

/// This file must hold them; the changelog tells of what was.
const EXEMPT: [&str; 2] = ["xtask/src/tidy/words.rs", "CHANGELOG.md"];

/// Returns the old words in a file of Rust, Python or prose, and in its path, a line each.
pub(super) fn findings(path: &str, text: &str) -> Vec<String> {
    let kind = path.rsplit_once('.').map_or("", |(_, kind)| kind);
    if EXEMPT.contains(&path) || !["rs", "py", "md"].contains(&kind) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut note = |line: usize, word: &str, instead: &str| {
        let finding = format!("{path}:{line}: `{word}` is called `{instead}`");
        if findings.last() != Some(&finding) {
            findings.push(finding);
        }
    };
    for (number, line) in std::iter::once((0, path)).chain((1..).zip(text.lines())) {
        for word in names(line).flat_map(words) {
            if let Some(instead) = field_word(&EVERYWHERE, &word) {
                note(number, &word, instead);
            }
        }
    }
    if kind != "rs" {
        return findings;
    }
    for (number, line) in (1..).zip(mask::code(text).lines()) {
        for name in names(line) {
            if let Some((_, instead)) = NAMES.iter().find(|(old, _)| *old == name) {
                note(number, name, instead);
            }
            let words = words(name);
            for word in words.iter().filter(|_| words.len() < SENTENCE) {
                if let Some(instead) = field_word(&IN_NAMES, word) {
                    note(number, name, instead);
                }
            }
        }
    }
    findings
}

fn field_word(list: &[Word], word: &str) -> Option<&'static str> {
    let (_, instead) = list.iter().find(|(forms, _)| forms.contains(&word))?;
    Some(instead)
}

/// Returns the identifiers of a line, or the words of its prose.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let names = line.split(|c: char| !c.is_alphanumeric() && c != '_');
    names.filter(|name| !name.is_empty())
}

/// Returns the words that a name is made of, in lower case: `BufferFull` and `buffer_full` have two.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut after_small = false;
    for letter in name.chars() {
        if letter == '_' || (after_small && letter.is_uppercase()) {
            words.push(std::mem::take(&mut word));
        }
        if letter != '_' {
            word.extend(letter.to_lowercase());
        }
        after_small = letter.is_lowercase();
    }
    words.push(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_words_are_found_in_names_comments_texts_and_paths() {
        for (text, fine) in [
            ("struct Parcel;", false),
            ("fn close_companion() {}", false),
            ("DialCompanions", false),
            ("// Nobody bears a grudge.", false),
            ("\"sent to its heirs\"", false),
            ("fn their() {}", true),
            ("struct HoldFull;", false),
            ("let to_whom = 1;", false),
            ("fn whom_it_concerns() {}", false),
            ("fn whoever_has_most_gives_way() {}", true),
            ("// To whom it may concern: HoldFull", true),
            ("/// `Links`", true),
            ("use a::Links;", false),
            ("Linksides", true),
        ] {
            assert_eq!(findings("a.rs", text).is_empty(), fine, "{text}");
        }
        assert_eq!(findings("a/companions.rs", "").len(), 1);
        assert_eq!(findings("a.md", "Nudged: Links").len(), 1);
    }

    #[test]
    fn a_finding_names_the_line_the_word_and_the_fields_word() {
        let found = findings("a.rs", "\nlet a = nudge(Parcel);\nlet b = HoldFull;");
        let expected = [
            "a.rs:2: `nudge` is called `wake`",
            "a.rs:2: `parcel` is called `pending message`",
            "a.rs:3: `HoldFull` is called `BufferFull`",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn no_word_of_today_is_an_old_one() {
        for (_, instead) in EVERYWHERE.iter().chain(&IN_NAMES) {
            assert!(findings("a.rs", instead).is_empty(), "{instead}");
        }
    }
}
