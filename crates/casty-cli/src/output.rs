//! Standard output for results, standard error for everything else.
//!
//! Nothing else prints, and all that is printed here is escaped: whatever a peer has chosen, it stays on
//! its line, and no terminal obeys it.

use std::fmt::{self, Display};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::time::Duration;

use casty_client::Value;
use casty_proto::Escaped;
use clap::ValueEnum;
use serde_json::json;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};

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
        .fmt_fields(EscapedFields)
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(ansi)
        .init();
}

/// The fields of an event as they are printed by default, and escaped: those of other crates, too.
struct EscapedFields;

impl<'writer> FormatFields<'writer> for EscapedFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut text = String::new();
        let mut visitor = DefaultVisitor::new(Writer::new(&mut text), true);
        fields.record(&mut visitor);
        visitor.finish()?;
        write!(writer, "{}", Escaped::new(text))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_any_crate_logs_stays_on_its_line() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(EscapedFields)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let error = io::Error::other("e\u{1b}[31m\n\u{9b}");
            let error: &dyn std::error::Error = &error;
            tracing::info!(plain = "a\nWARN forged", shown = %"b\r", error, "m\u{202e}");
        });
        let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let line = logged.strip_suffix('\n').unwrap();
        assert!(
            !line.contains(char::is_control) && !line.contains('\u{202e}'),
            "{line:?}"
        );
        let fields = r#"m\u{202e} plain="a\nWARN forged" shown=b\r error=e"#;
        assert!(line.contains(fields), "{line:?}");
    }
}
