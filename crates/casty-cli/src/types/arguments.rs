//! The arguments of `casty types`.

use std::path::PathBuf;
use std::time::Duration;

use casty_types::Types;
use clap::Args;

use crate::args::time;

const EXAMPLES: &str = "\
Imports the modules, that is, RUNS THEIR CODE, in a Python of at least 3.12 that has all that they
import; what they print goes to standard error. Prints the dataclasses, enums and unions that they
define as Rust code, with serde's attributes for every serializer, or the reason why a class cannot be
represented: never a half. What a module defines counts, or lists in __all__; names with an underscore
only if another type needs them.

A field whose annotation has no type in Rust is a Value: standard error tells which, and why.

With --check, generates them anew, compares, and prints in words what has drifted; exits with 1 then,
and with 0 if nothing has. Build scripts do the same with the crate casty-types.

Examples:
  casty types my_app.messages > src/messages.rs
  casty types --python .venv/bin/python --path ../python \\
      --out src/messages.rs my_app.messages
  casty types --check src/messages.rs my_app.messages";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TypesArgs {
    /// The interpreter [env: CASTY_PYTHON] [default: the first python3 or python that is new enough].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<PathBuf>,
    /// A folder to import from, besides the current one and what Python knows (may be repeated).
    #[arg(long = "path", value_name = "FOLDER")]
    pub(crate) paths: Vec<PathBuf>,
    /// A class to leave out, such as my_app.messages.Odd: fields of it, and unions with it, are Values (may
    /// be repeated).
    #[arg(long, value_name = "CLASS")]
    pub(crate) opaque: Vec<String>,
    /// A field whose ints may have more than 64 bits, such as my_app.messages.Sum.total (may be
    /// repeated).
    #[arg(long, value_name = "FIELD")]
    pub(crate) big: Vec<String>,
    /// The path of casty-proto in the code.
    #[arg(long, value_name = "PATH", default_value = Types::PROTO)]
    pub(crate) proto: String,
    /// Write the code to a file, which stays as it is if anything fails.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(crate) out: Option<PathBuf>,
    /// Compare with a file that was generated before, and print what has drifted.
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
    /// The time that Python may take.
    #[arg(long, value_name = "TIME", value_parser = patience, default_value = "60s")]
    pub(crate) timeout: Duration,
    /// The modules, as Python imports them.
    #[arg(value_name = "MODULE", required = true)]
    pub(crate) modules: Vec<String>,
}

fn patience(text: &str) -> Result<Duration, String> {
    time::within(text, Duration::from_secs(1)..=Duration::from_hours(24))
}
