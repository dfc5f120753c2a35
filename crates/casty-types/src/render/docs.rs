//! Docstrings as doc comments, which rustdoc takes for Markdown, and its tests for Rust.

use casty_proto::Escaped;

/// Returns a doc comment of a docstring, if there is one, and of further paragraphs.
pub(super) fn comment(doc: Option<&str>, notes: &[String], indent: &str) -> String {
    let mut blocks = doc.map(paragraphs).unwrap_or_default();
    blocks.extend(notes.iter().map(|note| wrapped(note, indent.len())));
    let mut out = String::new();
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 {
            out.push_str(indent);
            out.push_str("///\n");
        }
        for line in block {
            out.push_str(indent);
            out.push_str("///");
            if !line.is_empty() {
                out.push(' ');
                out.push_str(line);
            }
            out.push('\n');
        }
    }
    out
}

/// Returns the blocks of a docstring: paragraphs as they are, everything else as a block of text.
fn paragraphs(doc: &str) -> Vec<Vec<String>> {
    let doc = doc.trim();
    let mut blocks: Vec<Vec<String>> = Vec::new();
    let mut verbatim: Vec<String> = Vec::new();
    for block in doc.replace('\r', "\n").split("\n\n") {
        let lines: Vec<&str> = block.lines().map(str::trim_end).collect();
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            continue;
        }
        if lines.iter().all(|line| is_prose(line)) {
            flush(&mut verbatim, &mut blocks);
            blocks.push(prose(&lines));
        } else {
            if !verbatim.is_empty() {
                verbatim.push(String::new());
            }
            verbatim.extend(lines.iter().map(|line| printed(line)));
        }
    }
    flush(&mut verbatim, &mut blocks);
    blocks
}

/// Puts a fence around lines; one that is longer than any inside them.
fn flush(verbatim: &mut Vec<String>, blocks: &mut Vec<Vec<String>>) {
    if verbatim.is_empty() {
        return;
    }
    let ticks = |line: &String| line.len() - line.trim_start_matches('`').len();
    let longest = verbatim
        .iter()
        .map(|line| ticks(&line.trim_start().to_owned()));
    let fence = "`".repeat(longest.max().unwrap_or(0).max(2) + 1);
    let mut block = vec![format!("{fence}text")];
    block.append(verbatim);
    block.push(fence);
    blocks.push(block);
}

/// Returns whether a line means to Markdown what it says.
fn is_prose(line: &str) -> bool {
    let starts = [
        "- ", "* ", "+ ", ">", "#", "|", "```", "~~~", "..", ":", "===", "---", "***", "___",
    ];
    let numbered = line
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .starts_with([')', '.'])
        && line.starts_with(|c: char| c.is_ascii_digit());
    let listed = ["-", "*", "+"].contains(&line);
    let marked = starts.iter().any(|start| line.starts_with(start));
    !(line.starts_with([' ', '\t']) || numbered || listed || marked)
}

fn prose(lines: &[&str]) -> Vec<String> {
    // A span of code may go over the end of a line.
    let mut in_code = false;
    lines
        .iter()
        .map(|line| marked_up(line, &mut in_code))
        .collect()
}

/// Returns a line of prose in which nothing is a link or a tag, and names are code.
fn marked_up(line: &str, in_code: &mut bool) -> String {
    let mut out = String::new();
    let line = printed(line);
    for (at, word) in line.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        if *in_code || word.contains('`') {
            push_with_code(&mut out, word, in_code);
        } else {
            out.push_str(&as_code(word).unwrap_or_else(|| escaped(word)));
        }
    }
    out
}

/// Appends a word with ticks in it, or between them; several in a row are one.
fn push_with_code(out: &mut String, word: &str, in_code: &mut bool) {
    let mut rest = word;
    while let Some(at) = rest.find('`') {
        let (before, ticked) = rest.split_at(at);
        out.push_str(&if *in_code {
            before.to_owned()
        } else {
            escaped(before)
        });
        rest = ticked.trim_start_matches('`');
        out.push_str(&ticked[..ticked.len() - rest.len()]);
        *in_code = !*in_code;
    }
    out.push_str(&if *in_code {
        rest.to_owned()
    } else {
        escaped(rest)
    });
}

/// Returns a word that is a name of code between ticks, and what stands around it outside.
fn as_code(word: &str) -> Option<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let start = word.find(is_name)?;
    let end = word.rfind(is_name)? + word.chars().rev().find(|c| is_name(*c))?.len_utf8();
    let (before, rest) = (word.get(..start)?, word.get(start..)?);
    let (core, after) = (rest.get(..end - start)?, rest.get(end - start..)?);
    let mut former = ' ';
    let mut has_hump = false;
    for letter in core.chars() {
        has_hump |= former.is_lowercase() && letter.is_uppercase();
        former = letter;
    }
    let is_code = has_hump || core.contains('_') || core.contains("::") || after.starts_with("()");
    is_code.then(|| {
        let (call, after) = match after.strip_prefix("()") {
            Some(after) => ("()", after),
            None => ("", after),
        };
        format!("{}`{core}{call}`{}", escaped(before), escaped(after))
    })
}

/// Escapes what Markdown and rustdoc would take for a link, a tag or emphasis.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if matches!(letter, '[' | ']' | '<' | '>' | '*' | '_' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// Returns a line without what no comment of Rust may hold.
fn printed(line: &str) -> String {
    Escaped::whole(line.replace('\t', "    ")).to_string()
}

/// Breaks a note into lines that have room behind the indentation.
fn wrapped(note: &str, indent: usize) -> Vec<String> {
    const WIDTH: usize = 96;
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in marked_up(note, &mut false).split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH - indent {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_stays_and_all_else_becomes_text_that_no_test_compiles() {
        for (doc, expected) in [
            ("Adds up.", "/// Adds up.\n"),
            ("Adds.\n\nAnd more.", "/// Adds.\n///\n/// And more.\n"),
            (
                "Adds.\n\n    >>> add(1)\n\n    2",
                "/// Adds.\n///\n/// ```text\n///     >>> add(1)\n///\n///     2\n/// ```\n",
            ),
            (
                "- one\n- two",
                "/// ```text\n/// - one\n/// - two\n/// ```\n",
            ),
            (
                "```python\nx\n```",
                "/// ````text\n/// ```python\n/// x\n/// ```\n/// ````\n",
            ),
            ("A list[int] <b>", "/// A list\\[int\\] \\<b\\>\n"),
            ("As `a[0]` and ``b_c``.", "/// As `a[0]` and ``b_c``.\n"),
            (
                "See GetBalance, user_id.",
                "/// See `GetBalance`, `user_id`.\n",
            ),
            ("Call it() (GetIt).", "/// Call `it()` (`GetIt`).\n"),
            ("\u{202e}\u{1b}", "/// \\\\u{202e}\\\\u{1b}\n"),
        ] {
            assert_eq!(comment(Some(doc), &[], ""), expected, "{doc}");
        }
    }

    #[test]
    fn notes_follow_the_docstring_and_are_wrapped() {
        let note = "word ".repeat(30);
        let text = comment(Some("Doc."), &[note], "    ");
        assert!(text.starts_with("    /// Doc.\n    ///\n    /// word word"));
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        assert_eq!(comment(None, &[], ""), "");
    }
}
