//! Standard output for results, standard error for everything else.
//!
//! Nothing else prints, and all that is printed here is escaped: whatever a peer has chosen, it stays on
//! its line, and no terminal obeys it.

use std::fmt::Display;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::time::Duration;

use casty_client::Value;
use casty_proto::Escaped;
use clap::ValueEnum;
use console::Term;
use serde_json::json;

use crate::error::CommandError;

/// The form of all that a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people.
    Text,
    /// JSON, one document a line: results on standard output, and errors and notes on standard error.
    Json,
}

/// The form that was asked for, which is the same for the whole process.
static FORMAT: OnceLock<Format> = OnceLock::new();

/// Has everything printed in this form from now on.
pub(crate) fn choose(format: Format) {
    FORMAT.set(format).ok();
}

/// Returns whether everything is printed as JSON.
pub(crate) fn is_json() -> bool {
    FORMAT.get() == Some(&Format::Json)
}

/// Returns whether results go to a terminal.
pub(crate) fn is_terminal() -> bool {
    io::IsTerminal::is_terminal(&io::stdout())
}

/// Prints one line of the result, escaped and however long it is; as JSON, a document with the line as
/// `text`.
///
/// # Errors
/// It cannot be printed; most often because the reader has closed standard output.
pub(crate) fn print(line: impl Display) -> Result<(), CommandError> {
    if is_json() {
        return print_json(json!({ "text": line.to_string() }));
    }
    write(&Escaped::whole(line))
}

/// Prints a part of the result, as the document or the lines, whichever was asked for.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_as(
    document: impl FnOnce() -> serde_json::Value,
    lines: impl FnOnce() -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    if is_json() {
        print_json(document())
    } else {
        lines()
    }
}

/// Prints a text of this program's own as it is.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_verbatim(text: &[u8]) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()?;
    Ok(())
}

/// Prints a JSON document as one line of the result, with the escapes of JSON.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_json(document: impl Display) -> Result<(), CommandError> {
    write(&Escaped::json(document))
}

/// Prints a reply in the notation in which messages are typed.
///
/// # Errors
/// As [`print()`], or it is too large to be printed.
pub(crate) fn print_reply(reply: &Value) -> Result<(), CommandError> {
    let text = reply.to_notation();
    print_json(text.map_err(|error| CommandError::of("the reply cannot be printed", error))?)
}

fn write(line: &Escaped<impl Display>) -> Result<(), CommandError> {
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

/// Prints a line beside the result, on standard error.
pub(crate) fn note(line: impl Display) {
    if is_json() {
        beside(&Escaped::json(json!({ "note": line.to_string() })));
    } else {
        beside(&Escaped::whole(line));
    }
}

/// Prints an error that is not the end of the command.
pub(crate) fn print_error(line: impl Display) {
    if is_json() {
        beside(&Escaped::json(json!({ "error": line.to_string() })));
    } else {
        beside(&Escaped::whole(format_args!("casty: {line}")));
    }
}

/// Prints the error that ends the command, and what helps.
pub(crate) fn print_failure(message: &str, helps: &str, code: u8) {
    if is_json() {
        let document = json!({ "error": message, "helps": helps, "exit_code": code });
        beside(&Escaped::json(document));
    } else {
        print_error(message);
        beside(&Escaped::whole(format_args!("       helps: {helps}")));
    }
}

/// Prints on standard error. If that fails there is no other place to tell it.
fn beside(line: &Escaped<impl Display>) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// Writes a part of the log on standard error, as it is: its fields were escaped.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_log(bytes: &[u8]) -> io::Result<usize> {
    io::stderr().write(bytes)
}

/// Returns the terminal that standard error is, for what this program draws there of its own, which holds no
/// text of a peer; `None` if it is none, or one that cannot be drawn on.
pub(crate) fn error_terminal() -> Option<Term> {
    let terminal = Term::buffered_stderr();
    (terminal.is_term() && !console::is_dumb()).then_some(terminal)
}

/// Returns whether standard error is a terminal.
pub(crate) fn errors_go_to_terminal() -> bool {
    io::IsTerminal::is_terminal(&io::stderr())
}
