//! The page of limits and defaults, which a test of casty-docs holds against the code, or writes.

use crate::steps::{Failure, Steps, cargo};

/// Tells that test to write the page in place of comparing it.
const WRITE: &str = "XTASK_WRITE";

/// Compares docs/guide/src/limits.md with the code, or writes its tables anew.
pub(crate) fn run(steps: &mut Steps, write: bool) -> Result<(), Failure> {
    let mut test = cargo(["test", "--quiet", "--package", "casty-docs"]);
    test.args(["--test", "limits"]);
    if write {
        test.env(WRITE, "1");
    }
    steps.run("the page of limits", &mut test)
}
