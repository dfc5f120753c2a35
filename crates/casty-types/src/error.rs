//! The error of types that are not generated.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use casty_proto::Escaped;

/// The error of types that were not generated: nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TypesError {
    /// No module is named.
    #[error("no module is named")]
    NoModules,
    /// No interpreter was found.
    #[error(
        "no Python of at least 3.12 was found: looked for {}; name one (--python, Types::python, \
         CASTY_PYTHON)",
        Escaped::new(looked_for)
    )]
    NoPython {
        /// The programs that were looked for.
        looked_for: String,
    },
    /// The interpreters that were found are too old.
    #[error(
        "Python 3.12 or later is needed, and what was found is {}; name another (--python, \
         Types::python, CASTY_PYTHON)",
        Escaped::new(found)
    )]
    TooOld {
        /// The programs, each with its version.
        found: String,
    },
    /// The interpreter could not be run.
    #[error("cannot run {}", Escaped::new(python.display()))]
    Run {
        /// The interpreter.
        python: PathBuf,
        /// The reason.
        #[source]
        cause: io::Error,
    },
    /// The interpreter took too long; it was ended.
    #[error(
        "Python took longer than {within:?}: do the modules start something when they are imported?"
    )]
    TooLong {
        /// The time that it was given.
        within: Duration,
    },
    /// The interpreter printed more than any description has.
    #[error("Python printed more than {limit} bytes")]
    TooMuch {
        /// The bytes that are read.
        limit: usize,
    },
    /// A module could not be imported.
    #[error(
        "cannot import {}: {}{}",
        Escaped::new(module),
        Escaped::new(message),
        remedy(message)
    )]
    Import {
        /// The module.
        module: String,
        /// Python's own message.
        message: String,
    },
    /// The interpreter ended without a description.
    #[error("Python described nothing: {}", Escaped::new(message))]
    Python {
        /// The last that it printed.
        message: String,
    },
    /// The description makes no sense: a bug of this crate.
    #[error("the description makes no sense: {}", Escaped::new(why))]
    Description {
        /// The fault.
        why: String,
    },
    /// The modules have no dataclass, enum or union.
    #[error(
        "{} defines no dataclass, enum or union of its own",
        Escaped::new(modules)
    )]
    Nothing {
        /// The modules.
        modules: String,
    },
    /// No class has the field that is to hold large numbers.
    #[error("no class that is described has the field {}", Escaped::new(field))]
    NoField {
        /// The field.
        field: String,
    },
    /// A class has no type in Rust that says the same.
    #[error(
        "{} cannot be represented: {}; {instead}",
        Escaped::new(class),
        Escaped::new(why)
    )]
    #[non_exhaustive]
    Unrepresentable {
        /// The class.
        class: String,
        /// The reason.
        why: String,
        /// The remedy.
        instead: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot {verb} {}", Escaped::new(file.display()))]
    File {
        /// The attempt: `read` or `write`.
        verb: &'static str,
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        cause: io::Error,
    },
    /// No build script runs: there is no folder for its output.
    #[error("OUT_DIR is not set: Types::build is for build scripts")]
    NoBuild,
}

/// Returns what to do about a module that cannot be imported, if its error tells.
fn remedy(message: &str) -> &'static str {
    if message.starts_with("ModuleNotFoundError: ") {
        "; name the folder that has it (--path, Types::path), or a Python that has it (--python, \
         Types::python, CASTY_PYTHON)"
    } else {
        ""
    }
}
