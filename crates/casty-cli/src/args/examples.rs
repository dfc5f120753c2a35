//! The commands that help texts and documents show are ones that the command line takes.

use std::fs;
use std::path::Path;

use super::Arguments;
use super::tests::commands;

/// Returns the words of a command that begins here, as a shell would hand them over.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '\'' | '"' => {
                let quoted = chars.by_ref().take_while(|it| *it != next);
                word.get_or_insert_default().extend(quoted);
            }
            // Its line goes on with the next one.
            '\\' => {
                if let Some(literal) = chars.next().filter(|it| *it != '\n') {
                    word.get_or_insert_default().push(literal);
                }
            }
            ' ' => words.extend(word.take()),
            // The number of a stream that leads elsewhere is no argument.
            '<' | '>' => {
                word = word.filter(|it| !it.bytes().all(|byte| byte.is_ascii_digit()));
                break;
            }
            '#' if word.is_none() => break,
            '\n' | '|' | ';' | '&' | ')' => break,
            _ => word.get_or_insert_default().push(next),
        }
    }
    words.extend(word);
    words
}

/// Returns the commands of a script: those at the beginning of a line, behind a pipe, or in `$(`.
fn called(script: &str) -> Vec<Vec<String>> {
    let found = script.match_indices("casty ").filter(|(at, _)| {
        let line = script[..*at].rsplit('\n').next().unwrap_or_default().trim();
        line.is_empty() || line.ends_with('|') || line.ends_with("$(")
    });
    found.map(|(at, _)| words(&script[at..])).collect()
}

/// Returns the blocks for a shell of a document, and the code in its tables, each on a line of its own.
fn scripts(document: &str) -> String {
    let (mut scripts, mut in_block, mut is_shell) = (String::new(), false, false);
    for line in document.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            (in_block, is_shell) = (!in_block, !in_block && language == "sh");
        } else if in_block && is_shell {
            scripts.extend([line, "\n"]);
        } else if !in_block && line.starts_with('|') {
            let unescaped = line.replace("\\|", "|");
            let code = unescaped.split('`').skip(1).step_by(2);
            // A name alone is no example.
            let code = code.filter(|it| it.starts_with("casty ") && it.matches(' ').count() > 1);
            code.for_each(|it| scripts.extend([it, "\n"]));
        }
    }
    scripts
}

/// Asserts that the command line takes each of these commands, and returns how many there are.
#[track_caller]
fn taken(from: &str, script: &str) -> usize {
    let all = called(script);
    for command in &all {
        let taken = Arguments::described().try_get_matches_from(command);
        if let Err(error) = taken {
            // Help and the version end a command line that is right.
            assert!(!error.use_stderr(), "{from}: {command:?}: {error}");
        }
    }
    all.len()
}

#[test]
fn words_are_those_that_a_shell_hands_over() {
    let script = "export A=b\nwhile job=$(casty queue jobs pop); do x; done\n  casty a 'b \"c\"\n d' \\\n \
                  --e\\ f 2> g # h\n# casty i\nj | casty k - && l\ncasty-m n\n";
    let expected = [
        vec!["casty", "queue", "jobs", "pop"],
        vec!["casty", "a", "b \"c\"\n d", "--e f"],
        vec!["casty", "k", "-"],
    ];
    assert_eq!(called(script), expected);
    let document =
        "casty a\n```sh\ncasty b  # c\n```\n```rust\ncasty d\n```\n| `e` | `casty f \\| g` |\n";
    assert_eq!(scripts(document), "casty b  # c\ncasty f | g\n");
}

#[test]
fn the_examples_of_each_help_are_taken() {
    for (name, command) in commands() {
        let text = command.get_after_help().map(ToString::to_string);
        let Some(text) = text.filter(|text| text.contains("Examples:")) else {
            continue;
        };
        let is_example = |line: &&str| line.starts_with(' ') || line.is_empty();
        let lines: Vec<_> = text.lines().filter(is_example).collect();
        assert!(taken(&name, &lines.join("\n")) > 0, "{name}");
    }
}

#[test]
fn the_commands_that_documents_show_are_taken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_dir(root.join("docs/guide/src")).unwrap();
    let guide = guide.map(|it| it.unwrap().path());
    let guide = guide.filter(|it| it.extension().is_some_and(|it| it == "md"));
    let readmes = ["README.md", "crates/casty-cli/README.md"].map(|it| root.join(it));
    let mut count = 0;
    for path in guide.chain(readmes) {
        let document = fs::read_to_string(&path).unwrap();
        count += taken(&path.display().to_string(), &scripts(&document));
    }
    assert!(count > 30, "{count}");
}
