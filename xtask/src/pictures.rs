//! The pictures of the documents, which the tests of the command draw of it at work.

use std::fs;

use crate::steps::{Failure, Steps, cargo, root};

/// The variable that names the folder in which those tests leave their pictures.
const FOLDER: &str = "CASTY_PICTURES";

/// Draws the pictures anew.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    let folder = root().join("docs/pictures");
    fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
    let mut tests = cargo([
        "test",
        "--package",
        "casty-cli",
        "--test",
        "cli",
        "pictures::",
    ]);
    // Each has the machine for itself: the plot is of what it measures.
    tests
        .args(["--", "--test-threads", "1"])
        .env(FOLDER, folder);
    steps.run("pictures", &mut tests)
}
