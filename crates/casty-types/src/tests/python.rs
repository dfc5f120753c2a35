//! Python's side, where a Python of at least 3.12 is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::TypesError;
use crate::python::Request;
use crate::types::Types;

/// The modules of every kind, in the sources of the suite against real nodes.
pub(super) const TYPED: [&str; 5] = [
    "typed.shapes",
    "typed.choices",
    "typed.containers",
    "typed.generics",
    "typed.forward",
];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/python")
}

/// Returns the folder of a package that stands in for casty: its references, and nothing else.
pub(super) fn stand_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python")
}

/// Returns the description of modules as it is printed; `None`, and a notice, if there is no Python.
pub(super) fn raw_description(modules: &[&str]) -> Option<serde_json::Value> {
    let modules: Vec<String> = modules.iter().map(|&module| module.to_owned()).collect();
    let request = Request {
        python: None,
        modules: &modules,
        paths: &[stand_in(), sources()],
        opaque: &[],
        within: Types::WITHIN,
    };
    let printed = with_python(request.print())?.unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&printed).unwrap();
    assert!(document["error"].is_null(), "{document}");
    Some(document["described"].take())
}

/// Returns the outcome, or `None` and a notice if there is no Python that is new enough.
pub(super) fn with_python<T>(outcome: Result<T, TypesError>) -> Option<Result<T, TypesError>> {
    if let Err(error @ (TypesError::NoPython { .. } | TypesError::TooOld { .. })) = &outcome {
        let required = std::env::var_os("CASTY_INTEROP").is_some_and(|value| value == "require");
        assert!(!required, "{error}");
        println!("SKIPPED, nothing was tested with Python: {error}");
        return None;
    }
    Some(outcome)
}

/// A folder with a module of these lines.
pub(super) fn module(lines: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("app.py"), lines.join("\n")).unwrap();
    folder
}

pub(super) fn types(folder: &tempfile::TempDir) -> Types {
    Types::of(["app"]).path(folder.path()).path(stand_in())
}

/// Returns the code of a module of these lines.
pub(super) fn code(lines: &[&str]) -> Option<String> {
    let generated = with_python(types(&module(lines)).generate())?;
    Some(generated.unwrap().text().to_owned())
}

/// Returns the error of a module of these lines.
pub(super) fn error(lines: &[&str]) -> Option<TypesError> {
    let generated = with_python(types(&module(lines)).generate())?;
    Some(generated.unwrap_err())
}

pub(super) const DATACLASS: &str = "from dataclasses import dataclass, field\n";

#[test]
fn a_module_that_cannot_be_imported_is_told_in_pythons_words() {
    for (line, expected) in [
        (
            "import no_such_module",
            "ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("x = 1 +", "SyntaxError: invalid syntax"),
        ("raise ValueError('a\\x1b[2J')", r"ValueError: a\u{1b}[2J"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ] {
        let Some(error) = error(&[line]) else { return };
        assert!(matches!(error, TypesError::Import { .. }), "{error:?}");
        let told = error.to_string();
        assert!(told.starts_with("cannot import app: "), "{told}");
        assert!(
            told.contains(expected) && !told.contains(char::is_control),
            "{told}"
        );
        let is_missing = expected.starts_with("ModuleNotFoundError");
        assert_eq!(told.contains("--path"), is_missing, "{told}");
    }
}

#[test]
fn what_a_module_prints_and_leaves_running_is_no_part_of_the_code() {
    let lines = [
        DATACLASS,
        "import threading, time, os",
        "print('{\"casty_types\": 1}')",
        "os.write(1, b'more')",
        "threading.Thread(target=lambda: time.sleep(600)).start()",
        "@dataclass",
        "class A: pass",
    ];
    let Some(code) = code(&lines) else { return };
    assert!(code.contains("pub struct A {}"), "{code}");
}

#[test]
fn a_module_that_does_not_come_to_an_end_is_ended() {
    let folder = module(&["while True: pass"]);
    let endless = types(&folder).within(Duration::from_secs(2));
    let Some(outcome) = with_python(endless.generate()) else {
        return;
    };
    assert!(
        matches!(outcome, Err(TypesError::TooLong { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_module_without_types_and_a_process_that_ends_early_are_errors() {
    let Some(nothing) = error(&["x = 1"]) else {
        return;
    };
    assert!(matches!(nothing, TypesError::Nothing { .. }), "{nothing:?}");
    let Some(ended) = error(&[
        "import os, sys",
        "print('bye', file=sys.stderr, flush=True)",
        "os._exit(1)",
    ]) else {
        return;
    };
    assert!(ended.to_string().ends_with("bye"), "{ended}");
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let outcome = Types::of(["app"]).python("/nowhere/python3").generate();
    let error = outcome.unwrap_err();
    assert!(matches!(error, TypesError::Run { .. }), "{error:?}");
    assert!(error.to_string().contains("/nowhere/python3"), "{error}");
}

#[test]
fn an_enum_that_pickle_cannot_name_is_refused_unless_it_is_opaque() {
    let lines = [
        DATACLASS,
        "import enum",
        "class Odd(enum.Enum):",
        "    A = [1]",
        "class Twice(enum.Enum):",
        "    A = 'B'",
        "    B = 2",
        "@dataclass",
        "class Has:",
        "    odd: Odd",
        "    twice: Twice",
    ];
    let Some(refused) = error(&lines) else { return };
    let told = refused.to_string();
    assert!(
        told.starts_with("app.Odd cannot be represented: pickle knows its member A by a value"),
        "{told}"
    );
    assert!(told.contains("--opaque"), "{told}");
    let folder = module(&lines);
    let opaque = types(&folder).opaque("app.Odd");
    let told = opaque.generate().unwrap_err().to_string();
    assert!(
        told.contains(r#"both its members A and B by "B""#),
        "{told}"
    );
    let opaque = types(&folder).opaque("app.Odd").opaque("app.Twice");
    let generated = opaque.generate().unwrap();
    assert!(
        generated.text().contains("    pub odd: Value,\n"),
        "{}",
        generated.text()
    );
    assert!(!generated.text().contains("enum"), "{}", generated.text());
}

#[test]
fn only_what_counts_is_written() {
    let folder = module(&[
        DATACLASS,
        "from other import Reexported",
        "@dataclass",
        "class Own: x: int",
        "@dataclass",
        "class _Private: pass",
        "__all__ = ['Own', 'Reexported']",
    ]);
    let other = "from dataclasses import dataclass\n@dataclass\nclass Reexported: pass\n@dataclass\nclass Left: pass\n";
    fs::write(folder.path().join("other.py"), other).unwrap();
    let Some(generated) = with_python(types(&folder).generate()) else {
        return;
    };
    let generated = generated.unwrap();
    let text = generated.text();
    assert!(
        text.contains("struct Own") && text.contains("struct Reexported"),
        "{text}"
    );
    assert!(
        !text.contains("Private") && !text.contains("Left"),
        "{text}"
    );
    assert_eq!(generated.files().len(), 2, "{:?}", generated.files());
}

#[test]
fn drift_is_told_in_words() {
    let before = [
        DATACLASS,
        "import enum",
        "class Color(enum.Enum):",
        "    RED = 1",
        "@dataclass",
        "class Deposit:",
        "    amount: int",
        "    note: str | None = None",
        "    limit: int = 5",
        "@dataclass",
        "class Gone: pass",
    ];
    let after = [
        DATACLASS,
        "import enum",
        "class Color(enum.Enum):",
        "    RED = 1",
        "    GREEN = 2",
        "@dataclass",
        "class Deposit:",
        "    'Puts money in.'",
        "    amount: float",
        "    currency: str",
        "    limit: int = 6",
        "@dataclass",
        "class New: pass",
    ];
    let Some(before) = code(&before) else { return };
    let folder = module(&after);
    let now = types(&folder).generate().unwrap();
    let drift: Vec<_> = now
        .drift_from(&before)
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        "app.Gone: the class is gone",
        "app.Color: member `GREEN` is new: `Green`",
        "app.Deposit: field `note` is gone",
        "app.Deposit: field `amount`: `i64` is now `f64`",
        "app.Deposit: field `currency` is new: `String`",
        "app.Deposit: field `limit`: its default, `5`, is now `6`",
        "app.Deposit: its documentation has changed",
        "app.New: the class is new",
    ];
    assert_eq!(drift, expected);
    let edited = now.text().replace("Change the Python", "Change no Python");
    let drift: Vec<_> = now
        .drift_from(&edited)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(drift[0].starts_with("line 2: "), "{drift:?}");
}

#[test]
fn a_file_is_written_once_and_cargo_is_told_of_its_sources() {
    let folder = module(&[
        "from __future__ import annotations",
        DATACLASS,
        "from typing import TYPE_CHECKING",
        "if TYPE_CHECKING:",
        "    from nowhere import Unknown",
        "    from casty import ActorRef",
        "@dataclass",
        "class A:",
        "    of: Unknown",
        "    reply_to: ActorRef[int]",
    ]);
    let file = folder.path().join("messages.rs");
    let Some(first) = with_python(types(&folder).write(&file)) else {
        return;
    };
    let first = first.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), first.text());
    assert!(
        first.text().contains("    pub reply_to: ActorRef<i64>,\n"),
        "{}",
        first.text()
    );
    let why = "    /// A `Value`: `Unknown` cannot be evaluated: `NameError`: name 'Unknown' is not defined.\n";
    assert!(first.text().contains(why), "{}", first.text());
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    let again = types(&folder).write(&file).unwrap();
    assert_eq!(again, first);
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
    let lines = first.for_cargo();
    let source = folder.path().canonicalize().unwrap().join("app.py");
    let source = format!("cargo::rerun-if-changed={}", source.display());
    assert!(lines.contains(&source), "{lines:?}");
    let warning = "cargo::warning=app: `from nowhere import Unknown` fails: ModuleNotFoundError: No module named 'nowhere'";
    assert!(
        lines.iter().any(|line| line.starts_with(warning)),
        "{lines:?}"
    );
    let nowhere = types(&folder).write(folder.path().join("no/such/folder.rs"));
    assert!(
        matches!(nowhere, Err(TypesError::File { verb: "write", .. })),
        "{nowhere:?}"
    );
}

#[test]
fn large_numbers_are_those_of_the_fields_that_are_named() {
    let lines = [
        DATACLASS,
        "@dataclass",
        "class Sum:",
        "    total: list[int]",
        "    count: int = 3",
    ];
    let folder = module(&lines);
    let big = types(&folder).big("app.Sum.total").big("app.Sum.count");
    let Some(generated) = with_python(big.generate()) else {
        return;
    };
    let generated = generated.unwrap();
    assert!(
        generated.text().contains("pub total: Vec<BigInt>"),
        "{}",
        generated.text()
    );
    assert!(
        generated.text().contains("BigInt(3_i64.into())"),
        "{}",
        generated.text()
    );
    let error = types(&folder)
        .big("app.Sum.nothing")
        .generate()
        .unwrap_err();
    assert!(matches!(error, TypesError::NoField { .. }), "{error:?}");
}
