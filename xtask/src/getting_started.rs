//! The guide's first program, made as its page says: each command, and each line of Rust.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{self, Command, Stdio};

use crate::steps::{Failure, Steps, root};
use crate::tools;

const PAGE: &str = "docs/guide/src/getting-started.md";

/// The section that is followed.
const SECTION: &str = "## A program of your own\n";

/// The line that the page says it prints.
const PRINTED: &str = "alice has 5";

/// Follows the page in a folder outside of the workspace, beside a link to the clone.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let page = root().join(PAGE);
    let text = fs::read_to_string(&page).map_err(Failure::at(&page))?;
    let folder = env::temp_dir().join(format!("casty-getting-started-{}", process::id()));
    fs::create_dir(&folder).map_err(Failure::at(&folder))?;
    let followed = steps.check(&format!("{PAGE} is followed"), || follow(&text, &folder));
    let removed = fs::remove_dir_all(&folder).map_err(Failure::at(&folder));
    followed.and(removed)
}

fn follow(text: &str, folder: &Path) -> Result<(), Failure> {
    let link = folder.join("casty");
    link_to(root(), &link).map_err(Failure::at(&link))?;
    let script = script(text).ok_or_else(|| Failure(format!("{PAGE} has no `{SECTION}`")))?;
    let mut shell = Command::new("sh");
    shell.args(["-euxc", &script]).current_dir(folder);
    shell.env("CARGO_TARGET_DIR", tools::target().join("getting-started"));
    let output = shell.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure(format!("sh: {error}")))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && printed.lines().any(|line| line == PRINTED) {
        return Ok(());
    }
    Err(Failure(format!("{}, printed {printed:?}", output.status)))
}

/// Returns the commands of the section, among which a block of Rust becomes the program's source. What is built is of
/// the releases that the workspace is tested with: who follows the page a year later gets those of then.
fn script(text: &str) -> Option<String> {
    let (_, section) = text.split_once(SECTION)?;
    let section = section.split("\n## ").next()?;
    let mut script = String::new();
    for block in section.split("\n```").skip(1).step_by(2) {
        let (kind, code) = block.split_once('\n')?;
        match kind {
            "sh" => {
                let beside = "cd bank\n[ -e Cargo.lock ] || cp ../casty/Cargo.lock .";
                script.push_str(&code.replace("cd bank", beside));
            }
            "rust" => script.extend(["cat > src/main.rs <<'END'\n", code, "\nEND"]),
            _ => return None,
        }
        script.push('\n');
    }
    Some(script)
}

#[cfg(unix)]
fn link_to(folder: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(folder, link)
}

#[cfg(windows)]
fn link_to(folder: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(folder, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stay_in_order_and_rust_becomes_the_source() {
        let text = "# T\n\n```sh\nx\n```\n\n## A program of your own\n\n```sh\na\ncd bank\n```\n\nText.\n\n\
                    ```rust\nfn main() {}\n```\n\n```sh\ncargo run\n```\n\n## Next\n\n```sh\ny\n```\n";
        let script = script(text).unwrap();
        let lines: Vec<_> = script
            .lines()
            .filter(|line| !line.contains("lock"))
            .collect();
        let expected = [
            "a",
            "cd bank",
            "cat > src/main.rs <<'END'",
            "fn main() {}",
            "END",
            "cargo run",
        ];
        assert_eq!(lines, expected);
    }
}
