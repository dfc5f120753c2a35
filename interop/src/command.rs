//! The `casty` command of this workspace, as users run it.

use std::env::{self, consts::EXE_SUFFIX};
use std::io;
use std::path::PathBuf;

/// Returns the path of the command: it lies beside the program that runs.
///
/// # Errors
/// It was not built.
pub(crate) fn casty() -> io::Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(format!("casty{EXE_SUFFIX}"));
    if path.is_file() {
        return Ok(path);
    }
    let message = format!(
        "{} is not there: `cargo xtask interop` builds it, and so does `cargo build -p casty-cli`",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::NotFound, message))
}
