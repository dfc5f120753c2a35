//! Steps of a command: each is announced, timed, and the first that fails is the last.

use std::env;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The failure of a command, as a line for the terminal.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// Returns what makes a failure at this path of an error.
    pub(crate) fn at<E: fmt::Display>(path: &Path) -> impl Fn(E) -> Self {
        move |error| Self(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The steps that were done, with their durations.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<(String, Duration)>);

impl Steps {
    /// Runs a command as a step; its output goes to the terminal.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> Result<(), Failure> {
        let line = command_line(command);
        self.check(&format!("{name}: {line}"), || match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure(format!("`{line}`: {status}"))),
            Err(error) => Err(Failure(format!("`{line}`: {error}"))),
        })
    }

    /// Runs a check of this program's own as a step.
    pub(crate) fn check(
        &mut self,
        name: &str,
        check: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        println!("==> {name}");
        let started = Instant::now();
        let outcome = check();
        let took = started.elapsed();
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("==> {verdict} after {:.1} s: {name}\n", took.as_secs_f64());
        self.0.push((name.to_owned(), took));
        outcome
    }

    /// Prints what took how long.
    pub(crate) fn print_durations(&self) {
        for (name, took) in &self.0 {
            println!("{:7.1} s  {name}", took.as_secs_f64());
        }
        let total: Duration = self.0.iter().map(|(_, took)| *took).sum();
        println!("{:7.1} s  in total", total.as_secs_f64());
    }
}

/// Returns the workspace's folder.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Returns the cargo that runs this program, in the workspace's folder.
pub(crate) fn cargo<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // `cargo run` tells this program of its own package. Build scripts of others ask for the same
    // variables, and would run again whenever cargo is started with and without them by turns.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    for arg in args {
        command.arg(arg.as_ref());
    }
    command
}

/// Returns git, in the workspace's folder.
pub(crate) fn git(args: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.args(args).current_dir(root());
    git
}

/// Returns the command as one would type it.
fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = command.get_args().map(|word| word.to_string_lossy());
    let mut line = program.to_string_lossy().into_owned();
    for word in words {
        line = format!("{line} {word}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_this_package() {
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let told = cargo(["check"]);
        let mut changed = told.get_envs();
        assert!(changed.any(|change| change == ("CARGO_PKG_NAME".as_ref(), None)));
    }

    #[test]
    fn a_failing_command_is_named_with_its_arguments() {
        let mut steps = Steps::default();
        let mut fails = Command::new("false");
        let failure = steps.run("a", fails.arg("b")).unwrap_err();
        assert!(
            failure.0.starts_with("`false b`: exit status: 1"),
            "{failure}"
        );
        let mut absent = Command::new(root().join("no-such-program"));
        let failure = steps.run("c", &mut absent).unwrap_err();
        assert!(failure.0.starts_with("`no-such-program`: "), "{failure}");
    }
}
