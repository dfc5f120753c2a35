//! Rust source with everything blanked that is no code, or no comment either.

/// Returns the same text with comments and the insides of text and character literals replaced by
/// spaces. Line breaks stay, so line numbers do too.
pub(super) fn code(source: &str) -> String {
    masked(source, true)
}

/// Returns the same text with the insides of text and character literals replaced by spaces.
pub(super) fn code_and_comments(source: &str) -> String {
    masked(source, false)
}

fn masked(source: &str, without_comments: bool) -> String {
    let mut rest = source;
    let mut masked = String::with_capacity(source.len());
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        let raw = if after_word { 0 } else { raw_text(rest) };
        let hidden = raw.max(comment_or_literal(rest));
        let length = hidden.max(first.len_utf8());
        let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let is_comment = taken.starts_with("//") || taken.starts_with("/*");
        if hidden == 0 || (is_comment && !without_comments) {
            masked.push_str(taken);
        } else {
            masked.extend(taken.chars().map(|c| if c == '\n' { c } else { ' ' }));
        }
        after_word = hidden == 0 && (first.is_alphanumeric() || first == '_');
        rest = left;
    }
    masked
}

/// Returns the length of the comment or literal that the text begins with; 0 for code.
fn comment_or_literal(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    match text.as_bytes() {
        [b'"', ..] => quoted(text, '"'),
        [b'\'', b'\\', ..] => quoted(text, '\''),
        // A character, not a lifetime: the quote closes behind it.
        [b'\'', ..] => match text.char_indices().nth(2) {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        _ => 0,
    }
}

/// Returns the length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while let Some(left) = text.get(at..) {
        let pair = left.get(..2);
        match pair {
            Some("/*") => depth += 1,
            Some("*/") => depth -= 1,
            _ => {}
        }
        let step = left.chars().next().map_or(1, char::len_utf8);
        at += if matches!(pair, Some("/*" | "*/")) {
            2
        } else {
            step
        };
        if depth == 0 || left.is_empty() {
            break;
        }
    }
    at.min(text.len())
}

/// Returns the length of a literal that ends at the next quote without a backslash before it.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Returns the length of `r"..."`, `r#"..."#`, `br#"..."#` and so on; 0 for anything else.
fn raw_text(text: &str) -> usize {
    let Some(behind) = ["r", "br", "cr"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
    else {
        return 0;
    };
    let inside = behind.trim_start_matches('#');
    let hashes = behind.len() - inside.len();
    if !inside.starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - inside.len() + 1;
    let tail = text.get(start..).unwrap_or_default();
    tail.find(&end)
        .map_or(text.len(), |at| start + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_may_stay_where_literals_go() {
        let source = "a(\"// b\"); // c \"d\"\n/* 'e' */ 'f'";
        let masked = "a(      ); // c \"d\"\n/* 'e' */    ";
        assert_eq!(code_and_comments(source), masked);
    }

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays() {
        for (source, masked) in [
            ("a(); // b\nc", "a();     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"x\\\"y\", z)", "f(      , z)"),
            ("r#\"a\"b\"# + c", "          + c"),
            ("br\"a\\\" + c", "        + c"),
            ("for\"a\"", "for   "),
            ("x('\\'', 'y', '\u{fc}')", "x(    ,    ,    )"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("r#fn(\"x\")", "r#fn(   )"),
        ] {
            let found = code(source);
            let expected = masked
                .chars()
                .filter(|c| !c.is_whitespace())
                .collect::<String>();
            let visible = found
                .chars()
                .filter(|c| !c.is_whitespace())
                .collect::<String>();
            assert_eq!(visible, expected, "{source}");
        }
    }

    #[test]
    fn lines_keep_their_numbers_and_an_open_literal_ends_with_the_file() {
        let source = "a\n/* b\n c */ d\n\"e\nf\" g\n\"h";
        let masked = code(source);
        let lines: Vec<_> = masked.lines().map(str::trim).collect();
        assert_eq!(lines, ["a", "", "d", "", "g", ""]);
        assert_eq!(code("/* a"), "    ");
    }
}
