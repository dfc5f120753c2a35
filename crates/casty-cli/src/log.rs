//! The log of a command: on standard error, or its last lines on the screen that is drawn over the terminal.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use casty_proto::Escaped;
use time::OffsetDateTime;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::time::FormatTime;

use crate::output::{errors_go_to_terminal, write_log};

/// The most lines that are kept for a screen, ...
const MOST: usize = 100;
/// ... and the most bytes of one.
const LONGEST: usize = 1000;

/// The last lines; `None` while no screen is drawn, and they go to standard error.
static KEPT: Mutex<Option<VecDeque<String>>> = Mutex::new(None);

/// Logs in as much detail as the user asked for.
///
/// By default nothing, for commands print at their end what was wrong; one that `serves` warns. For a command
/// that `draws` over the terminal, lines are short.
pub(crate) fn start(verbosity: u8, serves: bool, draws: bool) {
    let level = match verbosity {
        0 if serves => LevelFilter::WARN,
        0 => return,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let on_terminal = errors_go_to_terminal();
    let log = tracing_subscriber::fmt()
        .fmt_fields(EscapedFields)
        .with_max_level(level)
        .with_writer(|| Line);
    if draws && on_terminal {
        log.with_ansi(false)
            .with_target(false)
            .with_timer(TimeOfDay)
            .init();
    } else {
        log.with_ansi(on_terminal).init();
    }
}

/// The log while a screen is drawn; what was kept is printed when this is dropped.
pub(crate) struct Kept(());

impl Kept {
    /// Keeps the last lines from now on, where they would come onto the screen; `None` where standard error
    /// leads elsewhere.
    pub(crate) fn begin() -> Option<Self> {
        if !errors_go_to_terminal() {
            return None;
        }
        *kept() = Some(VecDeque::new());
        Some(Self(()))
    }
}

/// Returns the last lines that are kept, at most this many.
pub(crate) fn last_lines(most: usize) -> Vec<String> {
    let kept = kept();
    let lines = kept.iter().flatten().rev().take(most);
    let mut lines: Vec<_> = lines.cloned().collect();
    lines.reverse();
    lines
}

impl Drop for Kept {
    fn drop(&mut self) {
        let lines = kept().take();
        for line in lines.into_iter().flatten() {
            // There is no other place to tell that this fails.
            write_log(format!("{line}\n").as_bytes()).ok();
        }
    }
}

/// Locks the kept lines, for as long as a line is added or some are copied. A thread that panicked has left
/// whole lines.
fn kept() -> MutexGuard<'static, Option<VecDeque<String>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place where a line of the log goes.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kept) = kept().as_mut() {
            add(kept, &String::from_utf8_lossy(bytes));
            return Ok(bytes.len());
        }
        write_log(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds the lines of a text to those that are kept, and forgets the oldest.
fn add(kept: &mut VecDeque<String>, text: &str) {
    for line in text.lines() {
        let end = line.floor_char_boundary(LONGEST);
        kept.push_back(line[..end].to_owned());
        if kept.len() > MOST {
            kept.pop_front();
        }
    }
}

/// The time of a line, in UTC.
struct TimeOfDay;

impl FormatTime for TimeOfDay {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let (hour, minute, second) = OffsetDateTime::now_utc().to_hms();
        write!(writer, "{hour:02}:{minute:02}:{second:02}")
    }
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
    use std::sync::Arc;

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
    fn the_last_lines_are_kept_and_no_line_is_endless() {
        let mut kept = VecDeque::new();
        for number in 0..1000 {
            add(&mut kept, &format!("line {number}\n"));
        }
        let ends = (
            kept.front().unwrap().as_str(),
            kept.back().unwrap().as_str(),
        );
        assert_eq!((kept.len(), ends), (MOST, ("line 900", "line 999")));
        add(&mut kept, &"\u{e9}".repeat(2000));
        assert_eq!((kept.len(), kept.back().unwrap().len()), (MOST, LONGEST));
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
