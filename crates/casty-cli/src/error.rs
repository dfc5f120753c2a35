//! Why a command ends otherwise than well, and what the shell is told of it.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use casty_client::{AskError, Closed, ConfigError, RegionError};

use crate::message::MessageError;

/// Why a command did not do what it was told.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for makes no sense.
    Usage(Box<dyn Error>),
    /// It was tried and failed.
    Failed(Box<dyn Error>),
    /// Something is wrong with the cluster, and was told.
    Findings,
    /// The time was up.
    TimedOut { within: Duration, why: String },
    /// The user interrupted it.
    Interrupted,
    /// Nobody reads what is printed any more.
    NobodyReads,
}

impl Failure {
    /// Something failed that has a cause.
    pub(crate) fn of(what: impl Into<String>, source: impl Error + 'static) -> Self {
        let source = Box::new(source);
        let what = what.into();
        Self::Failed(Box::new(Caused { what, source }))
    }

    /// Something failed, and this is all there is to say.
    pub(crate) fn because(what: impl Into<String>) -> Self {
        Self::Failed(what.into().into())
    }

    /// The code to exit with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NobodyReads => 0,
            Self::Failed(_) | Self::Findings => 1,
            Self::Usage(_) => 2,
            Self::TimedOut { .. } => 3,
            Self::Interrupted => 130,
        })
    }

    /// What to tell the user, in one line; nothing where that is known anyway.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Self::Usage(error) | Self::Failed(error) => Some(chain(&**error)),
            Self::TimedOut { within, why } => Some(format!("timed out after {within:?}: {why}")),
            Self::Findings | Self::Interrupted | Self::NobodyReads => None,
        }
    }
}

/// An error and its causes in one line, none of them said twice.
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

/// Something that failed, and why.
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

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.into())
    }
}

impl From<RegionError> for Failure {
    fn from(error: RegionError) -> Self {
        match error {
            RegionError::NoShards { .. } | RegionError::Name { .. } => Self::Usage(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Closed> for Failure {
    fn from(error: Closed) -> Self {
        Self::Failed(error.into())
    }
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Self {
        Self::Usage(error.into())
    }
}

/// Output that failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::NobodyReads;
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
        let Failure::Failed(error) = Failure::of("cannot read x", inner) else {
            panic!("not failed");
        };
        assert_eq!(chain(&*error), "cannot read x: no route");
        let repeated = Failure::of("gone: no such file", io::Error::other("no such file"));
        assert_eq!(repeated.message().unwrap(), "gone: no such file");
    }

    #[test]
    fn a_reader_who_left_is_no_failure() {
        let broken = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(broken.exit_code(), ExitCode::SUCCESS);
        assert_eq!(broken.message(), None);
    }
}
