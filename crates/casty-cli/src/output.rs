//! Standard output for results, standard error for everything else.

use std::fmt::Display;
use std::io::{self, Write};

use tracing::level_filters::LevelFilter;

use crate::error::Failure;

/// Prints one line of what was asked for.
///
/// # Errors
/// It cannot be printed; most often because nobody reads any more.
pub(crate) fn print(line: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// Tells the user something beside the result. Where that fails there is nobody to be told.
pub(crate) fn note(line: impl Display) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// Tells the user what is wrong.
pub(crate) fn complain(line: impl Display) {
    note(format_args!("casty: {line}"));
}

/// Writes what the client does to standard error, in as much detail as the user asked for: by
/// default nothing, for commands tell of their end what was wrong; one that `serves` warns.
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
