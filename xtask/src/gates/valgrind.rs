//! Valgrind, installed where it is missing and that is possible.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::steps::Steps;

/// Returns the program, the one that is there or that of Debian's package; `None` if there is none and
/// it cannot be installed.
pub(super) fn install(steps: &mut Steps) -> Option<PathBuf> {
    if find("valgrind").is_none() && find("apt-get").is_some() && is_root() {
        let package = ["install", "--yes", "--no-install-recommends", "valgrind"];
        for args in [&["update"][..], &package] {
            // Lists may be new enough where they cannot be made so, and what fails is missed below.
            if let Err(failure) = steps.run("valgrind", &mut apt(args)) {
                println!("{failure}");
            }
        }
    }
    find("valgrind")
}

fn apt(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Returns the path of a program that can be started by its name.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut places = env::split_paths(&path).map(|folder| folder.join(program));
    places.find(|place| place.is_file())
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output();
    user.is_ok_and(|user| user.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name_alone() {
        assert!(find("id").is_some_and(|path| path.is_absolute()));
        assert_eq!(find("no-such-program"), None);
    }
}
