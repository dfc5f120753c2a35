//! The error of a command, and the exit code and message that the shell is given for it.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use casty_client::{AskError, Closed, ConfigError, RegionError};

use crate::message::MessageError;

pub(crate) mod advice;

/// The reason why a command did not do its work.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// The arguments make no sense.
    Usage(Box<dyn Error>),
    /// The work was tried and failed.
    Failed(Box<dyn Error>),
    /// The value that was asked for is not there, which is no failure.
    NoValue,
    /// Something is wrong with the cluster, and was printed.
    Findings,
    /// The time was up.
    TimedOut {
        within: Duration,
        why: String,
        /// The advice, for only the place that waited knows what was missing.
        helps: &'static str,
    },
    /// The thing that was waited for was not there in its share of the time.
    NotInTime(Box<dyn Error>),
    /// The thing that others hold was not free in time.
    NotAcquired(String),
    /// The command that was run ended with this code, which is passed on.
    Ended(u8),
    /// The user interrupted it.
    Interrupted,
    /// Standard output was closed by its reader.
    OutputClosed,
}

impl CommandError {
    /// Makes the error of a failure that has a cause.
    pub(crate) fn of(what: impl Into<String>, source: impl Error + 'static) -> Self {
        let source = Box::new(source);
        let what = what.into();
        Self::Failed(Box::new(Caused { what, source }))
    }

    /// Makes the error of a failure that is told in these words alone.
    pub(crate) fn because(what: impl Into<String>) -> Self {
        Self::Failed(what.into().into())
    }

    /// Adds what helps, where this place knows better than the kind of the error.
    pub(crate) fn helped_by(self, helps: &'static str) -> Self {
        let advised = |error| Box::new(advice::Advised { error, helps });
        match self {
            Self::Usage(error) => Self::Usage(advised(error)),
            Self::Failed(error) => Self::Failed(advised(error)),
            Self::NotInTime(error) => Self::NotInTime(advised(error)),
            other => other,
        }
    }

    /// Returns the code to exit with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        self.code().into()
    }

    /// Returns that code as a number.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Failed(_) | Self::Findings => 1,
            Self::Usage(_) => 2,
            Self::TimedOut { .. } | Self::NotInTime(_) => 3,
            Self::NoValue => 4,
            Self::NotAcquired(_) => 75,
            Self::Ended(code) => *code,
            Self::Interrupted => 130,
        }
    }

    /// Returns what the user may do about it, in one line; `otherwise` where nothing is known of its cause.
    pub(crate) fn helps(&self, otherwise: &'static str) -> &'static str {
        match self {
            Self::Usage(error) => advice::known(&**error).unwrap_or(advice::HELP),
            Self::Failed(error) => advice::known(&**error).unwrap_or(otherwise),
            Self::NotInTime(error) => advice::known(&**error).unwrap_or(advice::TIME),
            Self::TimedOut { helps, .. } => helps,
            Self::NotAcquired(_) => {
                "wait for longer with --wait; if its holder is dead, --release or --destroy frees it"
            }
            Self::NoValue
            | Self::Findings
            | Self::Ended(_)
            | Self::Interrupted
            | Self::OutputClosed => advice::HELP,
        }
    }

    /// Returns the message for the user, in one line; `None` where that is known anyway.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Self::Usage(error) | Self::Failed(error) | Self::NotInTime(error) => {
                Some(chain(&**error))
            }
            Self::NotAcquired(what) => Some(what.clone()),
            Self::TimedOut { within, why, .. } => {
                Some(format!("timed out after {within:?}: {why}"))
            }
            Self::NoValue
            | Self::Findings
            | Self::Ended(_)
            | Self::Interrupted
            | Self::OutputClosed => None,
        }
    }
}

/// Returns an error and its causes in one line, without repetition.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text.replace(['\r', '\n'], " ")
}

/// A failure and its cause.
#[derive(Debug)]
struct Caused {
    what: String,
    source: Box<dyn Error>,
}

impl fmt::Display for Caused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Caused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.into())
    }
}

impl From<RegionError> for CommandError {
    fn from(error: RegionError) -> Self {
        match error {
            RegionError::NoShards { .. } | RegionError::Name { .. } => Self::Usage(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<AskError> for CommandError {
    fn from(error: AskError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Closed> for CommandError {
    fn from(error: Closed) -> Self {
        Self::Failed(error.into())
    }
}

impl From<MessageError> for CommandError {
    fn from(error: MessageError) -> Self {
        Self::Usage(error.into())
    }
}

/// Output that failed.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::of("cannot print", error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_in_one_line_and_once() {
        let inner = io::Error::other("no\nroute");
        let CommandError::Failed(error) = CommandError::of("cannot read x", inner) else {
            panic!("not failed");
        };
        assert_eq!(chain(&*error), "cannot read x: no route");
        let repeated = CommandError::of("gone: no such file", io::Error::other("no such file"));
        assert_eq!(repeated.message().unwrap(), "gone: no such file");
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let broken = CommandError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(broken.exit_code(), ExitCode::SUCCESS);
        assert_eq!(broken.message(), None);
    }

    #[test]
    fn the_cause_that_is_known_tells_what_helps() {
        let lost = CommandError::of("cannot open x", io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(lost.helps(advice::LOOK), advice::FILES);
        let own = CommandError::because("odd").helped_by("turn it round");
        assert_eq!(
            (own.helps(advice::LOOK), own.message().as_deref()),
            ("turn it round", Some("odd"))
        );
        let route = AskError::from(casty_client::NotSent::BufferFull);
        assert_eq!(CommandError::from(route).helps(advice::LOOK), advice::AGAIN);
        let usage = CommandError::Usage("no".into());
        assert_eq!(usage.helps(advice::LOOK), advice::HELP);
        for otherwise in [advice::LOOK, advice::LOG] {
            let unknown = CommandError::because("no");
            assert_eq!(unknown.helps(otherwise), otherwise);
        }
    }
}
