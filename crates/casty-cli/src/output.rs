//! Standard output for results, standard error for everything else.

use std::fmt::Display;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::time::Duration;

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

/// The time between two looks at whether standard output is still read.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until nobody reads standard output any more, which a command that prints only now and then
/// would not notice. For ever where the system does not tell.
pub(crate) async fn reader_gone() -> CommandError {
    let mut looks = tokio::time::interval(LOOK);
    while !is_hung_up(&io::stdout()) {
        looks.tick().await;
    }
    io::Error::from(io::ErrorKind::BrokenPipe).into()
}

#[cfg(unix)]
fn is_hung_up(output: &impl AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut output = [PollFd::new(output, PollFlags::empty())];
    let at_once = Timespec::default();
    let looked = poll(&mut output, Some(&at_once)).is_ok();
    looked
        && output[0]
            .revents()
            .intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(not(unix))]
fn is_hung_up(_: &io::Stdout) -> bool {
    false
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
