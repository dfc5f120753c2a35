//! Standard output for results, standard error for everything else.

use std::fmt::Display;
use std::io::{self, Write};

use tracing::level_filters::LevelFilter;

use crate::error::CommandError;

/// Prints one line of the result.
///
/// # Errors
/// It cannot be printed; most often because the reader has closed standard output.
pub(crate) fn print(line: impl Display) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// Prints a line beside the result, on standard error. If that fails there is no other place to
/// tell it.
pub(crate) fn note(line: impl Display) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// Prints an error for the user.
pub(crate) fn print_error(line: impl Display) {
    note(format_args!("casty: {line}"));
}

/// Logs to standard error in as much detail as the user asked for.
///
/// By default nothing, for commands print at their end what was wrong; one that `serves` warns.
pub(crate) fn log(verbosity: u8, serves: bool) {
    let level = match verbosity {
        0 if serves => LevelFilter::WARN,
        0 => return,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let ansi = io::IsTerminal::is_terminal(&io::stderr());
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(ansi)
        .init();
}
