//! The places where texts of peers could reach a terminal or a log unescaped.

use super::mask;

/// The file through which the command prints.
const OUTPUT: &str = "crates/casty-cli/src/output.rs";

/// The ways past it.
const PRINTERS: [&str; 6] = [
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "io::stdout()",
    "io::stderr()",
];

/// The fields of events that show an error as other crates write it.
const RAW_ERRORS: [&str; 4] = [
    "%error",
    "?error",
    "as &dyn Error",
    "as &dyn std::error::Error",
];

/// Returns where the command prints beside its output, or the libraries log an error as it is.
pub(super) fn findings(path: &str, text: &str) -> Vec<String> {
    let library = ["proto", "routing", "transport", "client"]
        .iter()
        .any(|name| path.starts_with(&format!("crates/casty-{name}/src/")));
    let command = path.starts_with("crates/casty-cli/src/") && path != OUTPUT;
    if !library && !command {
        return Vec::new();
    }
    let code = mask::code(text);
    let lines = code.lines().take_while(|line| *line != "#[cfg(test)]");
    let findings = lines.enumerate().filter_map(|(at, line)| {
        let has = |found: &&&str| line.contains(**found);
        let what = if command {
            PRINTERS
                .iter()
                .find(has)
                .map(|_| "print through output.rs, which escapes")
        } else {
            RAW_ERRORS
                .iter()
                .find(has)
                .map(|_| "log an error as `%Chain(&error)`, which escapes")
        };
        what.map(|what| format!("{path}:{}: {what}", at + 1))
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_beside_the_output_and_raw_errors_in_logs_are_found() {
        let client = "crates/casty-client/src/send.rs";
        let cli = "crates/casty-cli/src/ask.rs";
        for (path, line, fine) in [
            (client, "tracing::warn!(%node, %error, \"a\");", false),
            (
                client,
                "tracing::warn!(error = reason as &dyn std::error::Error);",
                false,
            ),
            (
                client,
                "tracing::warn!(error = %Chain(&error), \"%error\");",
                true,
            ),
            (cli, "println!(\"a\");", false),
            (cli, "writeln!(io::stderr().lock(), \"a\");", false),
            (cli, "print(\"a\");", true),
            (OUTPUT, "writeln!(io::stderr().lock(), \"a\");", true),
            ("xtask/src/main.rs", "println!(\"a\");", true),
        ] {
            let found = findings(path, &format!("fn a() {{\n{line}\n}}\n"));
            assert_eq!(found.is_empty(), fine, "{path}: {line}: {found:?}");
        }
        let tested = "#[cfg(test)]\nmod tests {\n println!(\"a\");\n}\n";
        assert!(findings(cli, tested).is_empty());
    }
}
