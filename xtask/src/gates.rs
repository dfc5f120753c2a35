//! Gates that noise cannot move: what a message costs in instructions and allocations, stage by stage,
//! held against budgets.
//!
//! Another compiler writes other instructions, so the budgets are those of the promised release, which
//! CI runs on; with any other, counts are shown and not compared.

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::metadata;
use crate::release;
use crate::steps::{Failure, Steps, cargo, root};
use crate::tools;

use budgets::{Budgets, Compiler};
use counts::{Count, Programs};

mod budgets;
mod counts;
mod valgrind;

/// The package of the programs that are counted.
const PACKAGE: &str = "casty-gates";

/// The stages that are all of a message's way, and the names under which reports have them.
const WHOLE: [&str; 2] = ["tell", "ask"];

/// Counts, and compares with the budgets, or writes those anew.
pub(crate) fn run(steps: &mut Steps, write: bool) -> Result<(), Failure> {
    if write {
        let (release, promised) = (
            release::installed()?,
            release::promised(&metadata::packages()?)?,
        );
        if release != promised {
            return Err(Failure(format!(
                "budgets are those of Rust {promised}, this is {release}"
            )));
        }
    }
    let valgrind = valgrind::install(steps);
    if valgrind.is_none() {
        let why = "there is no valgrind, and it takes root and apt-get to install it here";
        if write || env::var_os("XTASK_GATES").is_some_and(|value| value == "require") {
            return Err(Failure(why.to_owned()));
        }
        println!("instructions are not counted: {why}");
    }
    let counts = counted(steps, valgrind)?;
    let verb = if write { "written" } else { "compared" };
    steps.check(&format!("budgets are {verb}"), || {
        if write {
            let text = Budgets::text(&Compiler::installed()?, &counts);
            return store(&path(), &text);
        }
        compare(&counts)
    })
}

/// Counts for the report of the benchmarks: compares with no budget, and installs nothing.
pub(crate) fn count(steps: &mut Steps) -> Result<(), Failure> {
    let valgrind = valgrind::find("valgrind");
    if valgrind.is_none() {
        println!("instructions are not counted: there is no valgrind");
    }
    counted(steps, valgrind).map(drop)
}

/// Builds the programs, counts, and stores what is reported of whole messages.
fn counted(steps: &mut Steps, valgrind: Option<PathBuf>) -> Result<Vec<Count>, Failure> {
    let build = ["build", "--release", "--package", PACKAGE, "--bins"];
    steps.run("gates", &mut cargo(build))?;
    let programs = Programs::new(valgrind);
    let mut counts = Vec::new();
    steps.check("instructions and allocations a message", || {
        counts = programs.count()?;
        print!("{}", counts::table(&counts));
        store_ratios(&counts)
    })?;
    Ok(counts)
}

/// Fails if something costs more than its budget, or has none.
fn compare(counts: &[Count]) -> Result<(), Failure> {
    let text = fs::read_to_string(path());
    let text = text.map_err(|error| Failure(format!("{}: {error}", path().display())))?;
    let (budgets, compiler) = (Budgets::parse(&text)?, Compiler::installed()?);
    if budgets.compiler != compiler {
        println!(
            "the counts are not compared: budgets are those of {}, this is {compiler}",
            budgets.compiler
        );
        return Ok(());
    }
    let outcome = budgets.compare(counts);
    for line in &outcome.lines {
        println!("{line}");
    }
    match outcome.failures {
        0 => Ok(()),
        failures => Err(Failure(format!(
            "{failures} counts are over their budgets or without one, see above; if that is meant, \
             run `cargo xtask gates --write`, and say in the commit why"
        ))),
    }
}

/// Writes the figures of whole messages to where the report of the benchmarks takes them from.
fn store_ratios(counts: &[Count]) -> Result<(), Failure> {
    let folder = tools::target().join("bench");
    fs::create_dir_all(&folder).map_err(|error| Failure(format!("target/bench: {error}")))?;
    store(
        &folder.join("gates.json"),
        &format!("{:#}\n", ratios(counts)),
    )
}

fn ratios(counts: &[Count]) -> Value {
    let mut ratios = Map::new();
    for count in counts {
        let stage = count.stage.as_str();
        if WHOLE.contains(&stage) {
            ratios.insert(format!("allocations_per_{stage}"), count.allocations.into());
            if let Some(instructions) = count.instructions {
                ratios.insert(format!("instructions_per_{stage}"), instructions.into());
            }
        }
    }
    Value::Object(ratios)
}

fn store(path: &PathBuf, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::at(path))
}

/// Returns the file of the budgets.
fn path() -> PathBuf {
    root().join("gates/budgets.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_messages_are_reported_and_of_them_what_was_counted() {
        let count = |stage: &str, instructions| Count {
            stage: stage.to_owned(),
            instructions,
            allocations: 1.0,
        };
        let counts = [
            count("route", Some(9.5)),
            count("tell", None),
            count("ask", Some(2900.0)),
        ];
        let ratios = ratios(&counts);
        let expected = serde_json::json!({
            "allocations_per_ask": 1.0,
            "allocations_per_tell": 1.0,
            "instructions_per_ask": 2900.0,
        });
        assert_eq!(ratios, expected);
    }

    #[test]
    fn budgets_are_those_of_the_promised_release_and_of_whole_messages_among_others() {
        let budgets = Budgets::parse(&fs::read_to_string(path()).unwrap()).unwrap();
        let promised = release::promised(&metadata::packages().unwrap()).unwrap();
        let release = format!("rustc {promised}.");
        assert!(budgets.compiler.rustc.starts_with(&release), "{release}");
        for stage in WHOLE {
            assert!(budgets.instructions.contains_key(stage), "{stage}");
            assert!(budgets.allocations.contains_key(stage), "{stage}");
        }
    }
}
