//! The places where texts of peers could reach a terminal or a log unescaped.

use super::mask;

/// The file through which the command prints.
const OUTPUT: &str = "crates/casty-cli/src/output.rs";

/// The ways past it.
const PRINTERS: [&str; 7] = [
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "stdout()",
    "stderr()",
];

/// The macros that log.
const EVENTS: [&str; 6] = ["trace!", "debug!", "info!", "warn!", "error!", "event!"];

/// The names that errors are given.
const ERRORS: [&str; 7] = ["e", "err", "error", "cause", "source", "failure", "fault"];

/// Other ways to log an error as other crates write it.
const RAW_ERRORS: [&str; 3] = [
    "as &dyn Error",
    "as &dyn std::error::Error",
    // Instead of the error, which its field would show.
    ".to_string()",
];

/// Returns where the command or a library prints beside the command's output, or logs an error as it is.
pub(super) fn findings(path: &str, text: &str) -> Vec<String> {
    let sources = ["proto", "routing", "transport", "client", "cli"];
    let is_source = |name: &&str| path.starts_with(&format!("crates/casty-{name}/src/"));
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
    if !sources.iter().any(is_source) || is_test || path == OUTPUT {
        return Vec::new();
    }
    let masked = mask::code(text);
    let end = masked.find("\n#[cfg(test)]\n").unwrap_or(masked.len());
    let code = &masked[..end];
    let printers = PRINTERS.iter().flat_map(|printer| places(code, printer));
    let prints = printers.map(|at| (at, "print through output.rs, which escapes"));
    let events = EVENTS.iter().flat_map(|event| places(code, event));
    let logs = events.filter_map(|at| {
        let event = call(&code[at..]);
        // With the texts: the mask keeps the number of characters, not of bytes.
        let before = code[..at].chars().count();
        let told = text.chars().skip(before).take(event.chars().count());
        logs_raw(event, &told.collect::<String>())
            .then_some((at, "log an error as `%Chain(&error)`, which escapes"))
    });
    let mut found: Vec<_> = prints.chain(logs).collect();
    found.sort_unstable();
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    let told = found.iter();
    told.map(|(at, what)| format!("{path}:{}: {what}", line(*at)))
        .collect()
}

/// Returns where a word stands that is no end of another.
fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |it: char| it.is_alphanumeric() || it == '_';
    let places = code.match_indices(word).map(|(at, _)| at);
    places.filter(move |at| !code[..*at].ends_with(part))
}

/// Returns the call of a macro that the code begins with, without its closing parenthesis.
fn call(code: &str) -> &str {
    let mut depth = 0;
    for (at, character) in code.char_indices() {
        match character {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            ';' if depth == 0 => return &code[..at],
            _ => continue,
        }
        if depth == 0 {
            return &code[..at];
        }
    }
    code
}

/// Returns whether an event shows an error as it is: as a field, or within a text, of which `event` has
/// the code alone and `told` all.
fn logs_raw(event: &str, told: &str) -> bool {
    let shown = |sigil: char, all: &str| {
        all.split(sigil).skip(1).any(|rest| {
            let end = rest.find(|it: char| !(it.is_alphanumeric() || it == '_'));
            let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
            // A function of that name, or a field of it, is something else.
            ERRORS.contains(&name) && !behind.starts_with(['(', '.'])
        })
    };
    shown('%', event)
        || shown('?', event)
        || shown('{', told)
        || RAW_ERRORS.iter().any(|way| event.contains(way))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "crates/casty-client/src/send.rs";
    const CLI: &str = "crates/casty-cli/src/ask.rs";

    /// Asserts whether something is found, in the third line of a file.
    fn assert_found(path: &str, line: &str, fine: bool) {
        let text = format!("// é\nfn a() {{\n{line}\n}}\n");
        let found = findings(path, &text);
        assert_eq!(found.is_empty(), fine, "{path}: {line}: {found:?}");
        let place = format!("{path}:3: ");
        assert!(found.iter().all(|it| it.starts_with(&place)), "{found:?}");
    }

    #[test]
    fn prints_beside_the_output_are_found() {
        for (path, line, fine) in [
            (CLI, "println!(\"a\");", false),
            (CLI, "dbg!(1);", false),
            (CLI, "writeln!(io::stderr().lock(), \"a\");", false),
            (CLI, "writeln!(stdout(), \"a\");", false),
            (CLI, "print(\"println!\");", true),
            (CLIENT, "println!(\"a\");", false),
            (OUTPUT, "writeln!(io::stderr().lock(), \"a\");", true),
            ("xtask/src/main.rs", "println!(\"a\");", true),
        ] {
            assert_found(path, line, fine);
        }
        let tested = "\n#[cfg(test)]\nmod tests {\n println!(\"a\");\n}\n";
        assert!(findings(CLI, tested).is_empty());
        assert!(findings("crates/casty-cli/src/ask/tests.rs", "println!(\"a\");").is_empty());
    }

    #[test]
    fn raw_errors_in_logs_are_found() {
        for (line, fine) in [
            ("tracing::warn!(%node, %error, \"a\");", false),
            ("tracing::warn!(%node, %err, \"a\");", false),
            ("tracing::warn!(%node, why = ?e, \"a\");", false),
            ("debug!(\n%node,\ncause = %source,\n\"a\"\n);", false),
            ("tracing::warn!(\"a: {error}\");", false),
            ("tracing::warn!(\"a: {err:?}\");", false),
            ("tracing::warn!(reason = error.to_string());", false),
            ("tracing::warn!(reason = %error.kind());", true),
            (
                "tracing::warn!(error = reason as &dyn std::error::Error);",
                false,
            ),
            ("tracing::warn!(error = %Chain(&error), \"%error\");", true),
            (
                "tracing::warn!(\"é (\", error = %Chain(&error)); let a = b % err;",
                true,
            ),
            ("let text = error.to_string(); warned(text);", true),
            ("format!(\"{error}\")", true),
            ("#[error(\"{error}\")]", true),
        ] {
            assert_found(CLIENT, line, fine);
            assert_found(CLI, line, fine);
        }
    }
}
