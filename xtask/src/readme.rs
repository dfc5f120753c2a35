//! The commands that README.md promises to work on a fresh clone.

use std::fs;
use std::process::Command;

use crate::steps::{Failure, Steps, cargo, root};

/// The commands that README.md must tell its reader to run.
const PROMISED: [&str; 2] = ["cargo run -p casty-cli -- demo", "cargo xtask test"];

/// Runs each promised command exactly as README.md has it.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let text = fs::read_to_string(root().join("README.md"))
        .map_err(|error| Failure(format!("README.md: {error}")))?;
    let told = commands(&text);
    for promised in PROMISED {
        if !told.contains(&promised) {
            return Err(Failure(format!(
                "README.md has no `{promised}` in a ```sh block"
            )));
        }
        steps.run("README", &mut command(promised))?;
    }
    Ok(())
}

fn command(line: &str) -> Command {
    cargo(line.split_whitespace().skip(1))
}

/// Returns the lines of the blocks that are fenced as `sh`.
fn commands(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(fence) = line.strip_prefix("```") {
            inside = !inside && fence == "sh";
        } else if inside {
            found.push(line);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_sh_blocks_are_commands() {
        let text = "cargo a\n```sh\ncargo b\n\ncargo c\n```\ncargo d\n```rust\ncargo e\n```\n```sh\ncargo f\n```\n";
        assert_eq!(commands(text), ["cargo b", "", "cargo c", "cargo f"]);
    }
}
