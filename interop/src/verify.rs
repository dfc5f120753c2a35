//! Has the serializers of nodes read what Rust wrote.

use std::io;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::python::Installation;
use crate::serializer::Serializer;

/// An encoded message and what Python must read from it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Names the case in a difference.
    pub name: String,
    /// The serializer that the message is encoded with.
    pub serializer: Serializer,
    /// The encoded message, without frame and header.
    pub bytes: Vec<u8>,
    /// The expected message.
    pub expected: Expected,
}

/// The value that a message must be read as, to the type of every part.
#[derive(Debug, Clone)]
pub enum Expected {
    /// The value of a Python expression over the classes of `counter_app`, `interop_app` and
    /// casty; `ref(uri)` makes a reference.
    Python(String),
    /// The sample of `interop_app.samples` with that name.
    Sample(String),
    /// The same as this, which a real node or client wrote.
    SameAs(Vec<u8>),
    /// The gossip of a node that has merged the gossip of another one.
    Merged {
        /// The gossip of the node before that.
        own: Vec<u8>,
        /// The gossip of the other one.
        theirs: Vec<u8>,
    },
}

/// Lets Python read all cases in one process; the differences that it found, one line each.
///
/// # Errors
/// Python could not be run, or did not answer every case.
pub async fn differences(python: &Installation, cases: &[Case]) -> io::Result<Vec<String>> {
    let mut child = Command::new(python.interpreter())
        .arg("-B")
        .arg(python.source("verify.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let input: String = cases.iter().map(line).collect();
    let stdin = child.stdin.take();
    let write = async {
        match stdin {
            Some(mut stdin) => stdin.write_all(input.as_bytes()).await,
            None => Ok(()),
        }
    };
    let (written, output) = tokio::join!(write, child.wait_with_output());
    let output = output?;
    let answers: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    if answers.len() != cases.len() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!(
            "verify.py answered {} of {} cases: {errors}",
            answers.len(),
            cases.len()
        )));
    }
    written?;
    Ok(answers.iter().filter_map(difference).collect())
}

fn line(case: &Case) -> String {
    let (key, value) = match &case.expected {
        Expected::Python(expression) => ("python", json!(expression)),
        Expected::Sample(name) => ("sample", json!(name)),
        Expected::SameAs(bytes) => ("same_as", json!(hex(bytes))),
        Expected::Merged { own, theirs } => ("merged", json!([hex(own), hex(theirs)])),
    };
    let object = json!({
        "name": case.name,
        "serializer": case.serializer.name(),
        "hex": hex(&case.bytes),
        key: value,
    });
    format!("{object}\n")
}

fn difference(answer: &Value) -> Option<String> {
    let name = answer.get("name").and_then(Value::as_str).unwrap_or("?");
    match answer.get("difference") {
        Some(Value::Null) => None,
        Some(Value::String(difference)) => Some(format!("{name}: {difference}")),
        _ => Some(format!("{name}: no verdict in {answer}")),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_verdict_is_a_difference() {
        assert_eq!(difference(&json!({"name": "a", "difference": null})), None);
        let found = difference(&json!({"name": "a", "difference": "value: 1"}));
        assert_eq!(found.unwrap(), "a: value: 1");
        assert!(difference(&json!({"name": "a"})).is_some());
    }
}
