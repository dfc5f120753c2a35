//! The paragraphs behind the options of a help.

use clap::Command;

/// Makes one line of each paragraph of a command and those below it, so that it is broken where the
/// terminal ends. Lines that are indented stay as they are.
pub(super) fn joined(command: Command) -> Command {
    let text = command.get_after_help().map(|text| join(&text.to_string()));
    let command = match text {
        Some(text) => command.after_help(text),
        None => command,
    };
    command.mut_subcommands(joined)
}

fn join(text: &str) -> String {
    let mut out = String::new();
    let mut before = "";
    for (at, line) in text.lines().enumerate() {
        let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
        if at > 0 {
            let goes_on = is_prose(before) && is_prose(line);
            out.push(if goes_on { ' ' } else { '\n' });
        }
        out.push_str(line);
        before = line;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_becomes_one_line_and_examples_stay() {
        let text = "One\ntwo.\n\nThree:\n  four \\\n      five\n  six";
        let joined = "One two.\n\nThree:\n  four \\\n      five\n  six";
        assert_eq!(join(text), joined);
    }
}
