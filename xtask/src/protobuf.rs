//! The Rust types of the protobuf schema, which are checked in so that building needs neither
//! protoc nor what stands in for it here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::steps::{Failure, Steps, root};

const SCHEMA: &str = "casty/v1/value.proto";

fn folder() -> PathBuf {
    root().join("crates/casty-proto/proto")
}

fn checked_in() -> PathBuf {
    folder().join("casty.v1.rs")
}

/// Writes the types anew.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failure> {
    steps.check("protobuf", || {
        let path = checked_in();
        fs::write(&path, generate()?).map_err(Failure::at(&path))
    })
}

/// Returns a finding if the types are not those of the schema.
pub(crate) fn finding() -> Result<Option<String>, Failure> {
    let current = fs::read_to_string(checked_in()).unwrap_or_default();
    Ok((current != generate()?).then(|| {
        "crates/casty-proto/proto/casty.v1.rs: is not what the schema makes; run `cargo xtask protobuf`"
            .to_owned()
    }))
}

fn generate() -> Result<String, Failure> {
    of_schema(&folder())
}

fn of_schema(folder: &Path) -> Result<String, Failure> {
    let failure = |error: String| Failure(format!("{SCHEMA}: {error}"));
    let files = protox::compile([SCHEMA], [folder]).map_err(|error| failure(error.to_string()))?;
    let modules = files.file.into_iter().map(|file| {
        let module = prost_build::Module::from_protobuf_package_name(file.package());
        (module, file)
    });
    let requests = modules
        .filter(|(_, file)| file.name() == SCHEMA)
        .collect::<Vec<_>>();
    let mut made = prost_build::Config::new()
        .generate(requests)
        .map_err(|error| failure(error.to_string()))?;
    let code = made.drain().map(|(_, code)| code).collect::<String>();
    if code.is_empty() {
        return Err(failure("makes no code".to_owned()));
    }
    Ok(format!(
        "// Made of {SCHEMA} by `cargo xtask protobuf`.\n{code}"
    ))
}
