//! `casty types`, where a Python of at least 3.12 is found.

use std::fs;

use tempfile::TempDir;

use crate::process::{Ended, casty, end};

const BEFORE: &str = "\
from dataclasses import dataclass

@dataclass
class Deposit:
    \"\"\"Puts money in.\"\"\"
    amount: int
";

fn module(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bank.py"), text).unwrap();
    folder
}

/// Runs the command on a module; `None`, and a notice, if there is no Python that is new enough.
async fn types(folder: &TempDir, args: &[&str]) -> Option<Ended> {
    let folder = folder.path().to_str().unwrap();
    let mut all = vec!["types", "--path", folder, "bank"];
    all.extend(args);
    let ended = end(casty(&all)).await;
    let none = [
        "no Python of at least 3.12",
        "Python 3.12 or later is needed",
    ];
    if none.iter().any(|none| ended.err.contains(none)) {
        let required = std::env::var_os("CASTY_INTEROP").is_some_and(|value| value == "require");
        assert!(!required, "{ended:?}");
        println!("SKIPPED, nothing was tested with Python: {}", ended.err);
        return None;
    }
    Some(ended)
}

#[tokio::test]
async fn types_are_printed_and_drift_from_a_file_is_told_and_fails() {
    let folder = module(BEFORE);
    let Some(ended) = types(&folder, &[]).await else {
        return;
    };
    let printed = ended.with(0).out;
    let expected = "\
/// Puts money in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = \"bank.Deposit\")]
pub struct Deposit {
    pub amount: i64,
}
";
    assert!(printed.ends_with(expected), "{printed}");
    let file = folder.path().join("messages.rs");
    let file = file.to_str().unwrap();
    let written = types(&folder, &["--out", file]).await.unwrap().with(0);
    assert_eq!(written.out, "");
    assert_eq!(fs::read_to_string(file).unwrap(), printed);
    let told = types(&folder, &["--out", file, "--json"]).await.unwrap();
    let document: serde_json::Value = serde_json::from_str(&told.with(0).out).unwrap();
    assert_eq!(document, serde_json::json!({ "out": file }));
    let same = types(&folder, &["--check", file]).await.unwrap().with(0);
    assert_eq!((same.out.as_str(), same.err.as_str()), ("", ""));

    let after = BEFORE.replace("int", "str") + "    note: str = ''\n";
    fs::write(folder.path().join("bank.py"), after).unwrap();
    let drifted = types(&folder, &["--check", file]).await.unwrap().with(1);
    let expected = "\
bank.Deposit: field `amount`: `i64` is now `String`
bank.Deposit: field `note` is new: `String`
";
    assert_eq!((drifted.out.as_str(), drifted.err.as_str()), (expected, ""));
}

#[tokio::test]
async fn what_fails_prints_nothing_and_leaves_the_file_as_it_was() {
    let folder = module("import no_such_module\n");
    let file = folder.path().join("messages.rs");
    fs::write(&file, "as it was").unwrap();
    let path = file.to_str().unwrap();
    for args in [&[][..], &["--out", path], &["--check", path]] {
        let Some(ended) = types(&folder, args).await else {
            return;
        };
        let ended = ended.with(1);
        assert_eq!(ended.out, "", "{args:?}");
        let expected =
            "casty: cannot import bank: ModuleNotFoundError: No module named 'no_such_module'";
        assert!(ended.err.starts_with(expected), "{ended:?}");
        let remedy = "; name the folder that has it (--path, ";
        assert!(ended.err.contains(remedy), "{ended:?}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "as it was");
}

#[tokio::test]
async fn an_interpreter_that_is_not_there_or_takes_too_long_is_told() {
    let ended = end(casty(&["types", "--python", "/nowhere", "bank"]))
        .await
        .with(1);
    assert!(
        ended.err.starts_with("casty: cannot run /nowhere: "),
        "{ended:?}"
    );
    let folder = module("while True: pass\n");
    let Some(ended) = types(&folder, &["--timeout", "1"]).await else {
        return;
    };
    let ended = ended.with(3);
    assert!(
        ended.err.contains("Python took longer than 1s"),
        "{ended:?}"
    );
    let ended = end(casty(&["types"])).await.with(2);
    assert!(ended.err.contains("required"), "{ended:?}");
    let both = ["types", "--out", "a", "--check", "b", "bank"];
    let ended = end(casty(&both)).await.with(2);
    assert!(ended.err.contains("cannot be used with"), "{ended:?}");
}

#[tokio::test]
async fn a_field_without_a_type_is_told_with_its_class_and_the_reason() {
    let folder = module(&(BEFORE.to_owned() + "    note: int | str\n"));
    let Some(ended) = types(&folder, &[]).await else {
        return;
    };
    let ended = ended.with(0);
    assert_eq!(
        ended.err,
        "casty: bank.Deposit.note: a `Value`: a union of `int` and `str`: only those of dataclasses \
         are told apart\n"
    );
    let file = folder.path().join("messages.rs");
    let file = file.to_str().unwrap();
    let written = types(&folder, &["--out", file]).await.unwrap().with(0);
    assert_eq!(written.err, ended.err);
    let same = types(&folder, &["--check", file]).await.unwrap().with(0);
    assert_eq!((same.out.as_str(), same.err.as_str()), ("", ""));
}
