//! The programs of this workspace that the suite starts: the `casty` command, as users run it, and the member
//! of `examples/rust-node`.

use std::env::{self, consts::EXE_SUFFIX};
use std::io;
use std::path::PathBuf;

/// Returns the path of the command.
///
/// # Errors
/// It was not built.
pub(crate) fn casty() -> io::Result<PathBuf> {
    beside("casty", "casty-cli")
}

/// Returns the path of the member.
///
/// # Errors
/// It was not built.
pub(crate) fn rust_node() -> io::Result<PathBuf> {
    beside("rust-node", "casty-rust-node")
}

/// Returns the path of a program, which lies beside the one that runs.
fn beside(program: &str, package: &str) -> io::Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(format!("{program}{EXE_SUFFIX}"));
    if path.is_file() {
        return Ok(path);
    }
    let message = format!(
        "{} is not there: `cargo xtask interop` builds it, and so does `cargo build -p {package}`",
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::NotFound, message))
}
