//! Names of Python as names of Rust.

use std::collections::HashSet;

use unicode_ident::{is_xid_continue, is_xid_start};

/// The words that Rust keeps for itself.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// The keywords that not even `r#` turns into names.
const PATHS: [&str; 4] = ["self", "Self", "super", "crate"];

/// Returns whether a character may stand in a name.
pub(crate) fn is_part(letter: char) -> bool {
    letter == '_' || is_xid_continue(letter)
}

/// Returns whether a character may stand in a word of a name.
fn is_of_word(letter: char) -> bool {
    letter != '_' && is_part(letter)
}

/// Returns a name in the form of types and variants: `NOT_FOUND` and `not_found` are `NotFound`.
pub(crate) fn camel(name: &str) -> String {
    let mut out = String::new();
    for part in name.split(|c: char| !is_of_word(c)) {
        let shouted = part.chars().filter(|c| c.is_alphabetic()).count() > 1
            && !part.chars().any(char::is_lowercase);
        let mut letters = part.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        if shouted {
            out.extend(letters.flat_map(char::to_lowercase));
        } else {
            out.push_str(letters.as_str());
        }
    }
    if out == "Self" {
        out.push_str("Member");
    }
    if !out.starts_with(is_xid_start) {
        out.insert(0, 'V');
    }
    out
}

/// Returns a name in the form of fields, without what Rust needs before keywords: `userName` is
/// `user_name`.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        if !is_of_word(*letter) {
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let behind = letters.get(at + 1);
        // `userName` has a word's beginning at `N`, `HTTPCode` at `C`.
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && behind.is_some_and(|next| next.is_lowercase()))
            });
        if begins && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    let trimmed = out.trim_end_matches('_');
    if trimmed.starts_with(is_xid_start) {
        trimmed.to_owned()
    } else {
        format!("field_{trimmed}").trim_end_matches('_').to_owned()
    }
}

/// Returns a field's name as it is written: keywords get what makes them names.
pub(crate) fn field(snake: &str) -> String {
    if PATHS.contains(&snake) {
        format!("{snake}_")
    } else if KEYWORDS.contains(&snake) {
        format!("r#{snake}")
    } else {
        snake.to_owned()
    }
}

/// Returns a name that is not used yet, with a number if need be, and notes it.
pub(crate) fn unique(name: &str, used: &mut HashSet<String>) -> String {
    let mut unique = name.to_owned();
    let mut number = 2;
    while !used.insert(unique.clone()) {
        unique = format!("{name}{number}");
        number += 1;
    }
    unique
}

/// Returns the serde name of a class: with a colon where the module's end would be taken to be
/// elsewhere, which is before the first capital.
pub(crate) fn serde_name(module: &str, name: &str) -> String {
    let dotted = format!("{module}.{name}");
    let begins_capital = |at: &usize| {
        let rest = dotted.get(at + 1..).unwrap_or_default();
        rest.starts_with(char::is_uppercase)
    };
    let dots: Vec<usize> = dotted.match_indices('.').map(|(at, _)| at).collect();
    let end = dots.iter().find(|at| begins_capital(at)).or(dots.last());
    if end == Some(&module.len()) {
        dotted
    } else {
        format!("{module}:{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_variants_are_in_camel_case() {
        for (python, rust) in [
            ("Deposit", "Deposit"),
            ("get_count", "GetCount"),
            ("NOT_FOUND", "NotFound"),
            ("RED", "Red"),
            ("HTTPRequest", "HTTPRequest"),
            ("URL", "Url"),
            ("X", "X"),
            ("_Private", "Private"),
            ("Outer.Inner", "OuterInner"),
            ("V1_2", "V12"),
            ("2FA", "V2fa"),
            ("self", "SelfMember"),
            ("Élan", "Élan"),
            ("a b", "AB"),
            ("m²", "M"),
            ("½", "V"),
            ("Ⓐb", "B"),
            ("क्षेत्र", "क्षेत्र"),
        ] {
            assert_eq!(camel(python), rust, "{python}");
        }
    }

    #[test]
    fn fields_are_in_snake_case_and_never_keywords() {
        for (python, rust) in [
            ("amount", "amount"),
            ("userName", "user_name"),
            ("HTTPCode", "http_code"),
            ("_private", "private"),
            ("a__b", "a_b"),
            ("x1", "x1"),
            ("type", "r#type"),
            ("self", "self_"),
            ("_", "field"),
            ("_1", "field_1"),
            ("union", "union"),
            ("größe", "größe"),
            ("m²", "m"),
            ("½", "field"),
            ("क्षेत्र", "क्षेत्र"),
        ] {
            assert_eq!(field(&snake(python)), rust, "{python}");
        }
    }

    #[test]
    fn a_colon_tells_where_a_module_ends_unless_the_capital_does() {
        for (module, name, expected) in [
            ("bank", "Deposit", "bank.Deposit"),
            ("a.b", "Outer.Inner", "a.b.Outer.Inner"),
            ("a.b", "deposit", "a.b.deposit"),
            ("a.b", "outer.Inner", "a.b:outer.Inner"),
            ("a.Big", "Thing", "a.Big:Thing"),
            ("Big", "Thing", "Big.Thing"),
            ("a.b", "outer.inner", "a.b:outer.inner"),
        ] {
            assert_eq!(serde_name(module, name), expected);
        }
    }

    #[test]
    fn a_name_that_is_used_gets_a_number() {
        let mut used = HashSet::new();
        let names = ["a", "a", "b", "a"].map(|name| unique(name, &mut used));
        assert_eq!(names, ["a", "a2", "b", "a3"]);
    }
}
