//! The interpreter: a child process that imports the modules and describes them.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::TypesError;
use crate::model::{Description, Document, Failure, VERSION};

/// The beginning, which runs in any Python, and the rest, which it reads.
const BEGIN: &str = include_str!("../python/begin.py");
const SCRIPT: &str = concat!(
    include_str!("../python/parts.py"),
    "\n\n",
    include_str!("../python/files.py"),
    "\n\n",
    include_str!("../python/describe.py")
);

/// The programs that are tried if none is named, in order.
const CANDIDATES: [&str; 5] = [
    "python3",
    "python",
    "python3.14",
    "python3.13",
    "python3.12",
];

/// The most bytes that are read of a description, and of what Python prints besides.
const LONGEST: usize = 64 << 20;
const LONGEST_NOISE: usize = 64 << 10;

/// The pause between two looks at a process that has closed its output and is about to end.
const PAUSE: Duration = Duration::from_millis(5);

/// The request for a description.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) python: Option<&'a Path>,
    pub(crate) modules: &'a [String],
    pub(crate) paths: &'a [PathBuf],
    pub(crate) opaque: &'a [String],
    pub(crate) within: Duration,
}

impl Request<'_> {
    /// Has the first interpreter that is new enough describe the modules.
    pub(crate) fn describe(&self) -> Result<Description, TypesError> {
        self.ask(read)
    }

    /// Returns the document as it is printed.
    #[cfg(test)]
    pub(crate) fn print(&self) -> Result<Vec<u8>, TypesError> {
        self.ask(|printed| read(printed).map(|_| printed.out.clone()))
    }

    fn ask<T>(&self, read: impl Fn(&Printed) -> Result<T, Unread>) -> Result<T, TypesError> {
        let candidates = self.candidates();
        // None is as far away as one beyond all clocks.
        let deadline = Instant::now().checked_add(self.within);
        let mut old = Vec::new();
        for python in &candidates {
            let printed = match self.run(python, deadline) {
                Err(TypesError::Run { cause, .. })
                    if self.python.is_none() && cause.kind() == io::ErrorKind::NotFound =>
                {
                    continue;
                }
                other => other?,
            };
            if self.python.is_none() && printed.is_no_python {
                continue;
            }
            match read(&printed) {
                Ok(description) => return Ok(description),
                Err(Unread::Old(version)) => {
                    old.push(format!("{} ({version})", python.display()));
                }
                Err(Unread::Other(error)) => return Err(error),
            }
        }
        let names: Vec<_> = candidates
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Err(if old.is_empty() {
            TypesError::NoPython {
                looked_for: names.join(", "),
            }
        } else {
            TypesError::TooOld {
                found: old.join(", "),
            }
        })
    }

    fn candidates(&self) -> Vec<PathBuf> {
        if let Some(python) = self.python {
            return vec![python.to_owned()];
        }
        if let Some(python) = env::var_os("CASTY_PYTHON").filter(|python| !python.is_empty()) {
            return vec![python.into()];
        }
        CANDIDATES.iter().map(PathBuf::from).collect()
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["-c".into(), BEGIN.into()];
        for path in self.paths {
            arguments.extend(["--path".into(), path.into()]);
        }
        for class in self.opaque {
            arguments.extend(["--opaque".into(), class.into()]);
        }
        arguments.extend(self.modules.iter().map(OsString::from));
        arguments
    }

    /// Runs an interpreter to its end, or ends it at the deadline, if there is one.
    fn run(&self, python: &Path, deadline: Option<Instant>) -> Result<Printed, TypesError> {
        let failed = |cause| TypesError::Run {
            python: python.to_owned(),
            cause,
        };
        let mut child = Command::new(python)
            .args(self.arguments())
            // Bytecode is not ours to leave behind.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let outcome = self.talk(&mut child, deadline);
        // It may go on after it was read, or not: either way it is not left behind.
        child.kill().ok();
        let status = child.wait().map_err(failed)?;
        let mut printed = outcome?;
        // So ends what stands on the path for an interpreter that is not there.
        printed.is_no_python = printed.out.is_empty() && matches!(status.code(), Some(126 | 127));
        Ok(printed)
    }

    fn talk(&self, child: &mut Child, deadline: Option<Instant>) -> Result<Printed, TypesError> {
        let too_long = || TypesError::TooLong {
            within: self.within,
        };
        if let Some(mut stdin) = child.stdin.take() {
            // One that is too old has ended before it reads, and says so.
            thread::spawn(move || stdin.write_all(SCRIPT.as_bytes()));
        }
        let out = reader(child.stdout.take(), LONGEST);
        let noise = reader(child.stderr.take(), LONGEST_NOISE);
        let left = || {
            deadline.map_or(Duration::MAX, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            })
        };
        let out = match out.recv_timeout(left()) {
            Ok(out) => out,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(too_long());
            }
        };
        if out.len() > LONGEST {
            return Err(TypesError::TooMuch { limit: LONGEST });
        }
        while out.is_empty() && matches!(child.try_wait(), Ok(None)) {
            if left().is_zero() {
                return Err(too_long());
            }
            thread::park_timeout(PAUSE);
        }
        // A process that Python has started may hold this end open.
        let noise = noise.recv_timeout(left().min(Duration::from_secs(1)));
        Ok(Printed {
            out,
            noise: noise.unwrap_or_default(),
            is_no_python: false,
        })
    }
}

/// The output of an interpreter.
#[derive(Debug, Default)]
struct Printed {
    out: Vec<u8>,
    noise: Vec<u8>,
    /// Set if it was no interpreter at all.
    is_no_python: bool,
}

/// Reads a pipe to its end in a thread of its own, and keeps one byte more than `most` at most.
fn reader(pipe: Option<impl Read + Send + 'static>, most: usize) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(pipe) = pipe {
            let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
            let mut pipe = pipe.take(limit);
            // What was read before an error counts.
            pipe.read_to_end(&mut kept).ok();
            if kept.len() <= most {
                sender.send(kept).ok();
                return;
            }
            sender.send(kept).ok();
            io::copy(&mut pipe.into_inner(), &mut io::sink()).ok();
        }
    });
    receiver
}

/// The reason that an output holds no description.
enum Unread {
    Old(String),
    Other(TypesError),
}

fn read(printed: &Printed) -> Result<Description, Unread> {
    let silent = || {
        let noise = String::from_utf8_lossy(&printed.noise);
        let last = noise.lines().rev().find(|line| !line.trim().is_empty());
        Unread::Other(TypesError::Python {
            message: last.unwrap_or("it printed nothing").trim().to_owned(),
        })
    };
    if printed.out.is_empty() {
        return Err(silent());
    }
    let senseless = |why: String| Unread::Other(TypesError::Description { why });
    let document: Document =
        serde_json::from_slice(&printed.out).map_err(|error| senseless(error.to_string()))?;
    if document.casty_types != VERSION {
        return Err(senseless(format!(
            "it is of version {}",
            document.casty_types
        )));
    }
    match (document.error, document.described) {
        (Some(Failure::Old { found }), _) => Err(Unread::Old(found)),
        (Some(Failure::Import { module, message }), _) => {
            Err(Unread::Other(TypesError::Import { module, message }))
        }
        (Some(Failure::Python { message }), _) => {
            Err(Unread::Other(TypesError::Python { message }))
        }
        (None, Some(description)) => Ok(description),
        (None, None) => Err(senseless("it is empty".to_owned())),
    }
}
