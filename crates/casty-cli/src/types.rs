//! `casty types`: the types of Python's messages as Rust code, or what has drifted since.

use std::fs;

use casty_types::{Types, TypesError};
use serde_json::json;

use crate::error::CommandError;
use crate::output;

pub(crate) mod arguments;

use arguments::TypesArgs;

/// Generates the types, and prints, writes or compares them.
pub(crate) fn run(args: &TypesArgs) -> Result<(), CommandError> {
    let types = requested(args);
    if let Some(file) = &args.out {
        let generated = types.write(file)?;
        note(generated.notes());
        note(generated.values());
        if output::is_json() {
            output::print_json(json!({ "out": file.display().to_string() }))?;
        }
        return Ok(());
    }
    let Some(file) = &args.check else {
        let generated = types.generate()?;
        note(generated.notes());
        note(generated.values());
        return output::print_as(
            || json!({ "code": generated.text() }),
            || generated.text().lines().try_for_each(output::print),
        );
    };
    let before = fs::read_to_string(file)
        .map_err(|error| CommandError::of(format!("cannot read {}", file.display()), error))?;
    let generated = types.generate()?;
    // Of values it was told when the file was generated.
    note(generated.notes());
    let drift = generated.drift_from(&before);
    output::print_as(
        || {
            let told: Vec<_> = drift.iter().map(ToString::to_string).collect();
            json!({ "drift": told })
        },
        || drift.iter().try_for_each(output::print),
    )?;
    if drift.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Findings)
    }
}

fn requested(args: &TypesArgs) -> Types {
    let mut types = Types::of(&args.modules)
        .within(args.timeout)
        .proto(&args.proto);
    if let Some(python) = &args.python {
        types = types.python(python);
    }
    for folder in &args.paths {
        types = types.path(folder);
    }
    for field in &args.big {
        types = types.big(field);
    }
    for class in &args.opaque {
        types = types.opaque(class);
    }
    types
}

fn note(notes: &[String]) {
    for note in notes {
        output::note(format_args!("casty: {note}"));
    }
}

impl From<TypesError> for CommandError {
    fn from(error: TypesError) -> Self {
        match error {
            TypesError::NoModules => Self::Usage(error.into()),
            TypesError::TooLong { .. } => Self::NotInTime(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}
