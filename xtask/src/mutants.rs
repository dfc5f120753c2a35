//! The power of the tests: how many of the faults that cargo-mutants puts into the engines and
//! the decoders, one at a time, they notice.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;

use serde_json::Value;

use crate::steps::{Failure, Steps};
use crate::tools::{self, Tool};

const MUTANTS: Tool = Tool {
    name: "mutants",
    release: "27.1.0",
};

/// The crate whose tests are its own and those of the testkit, which are written for it.
const CLIENT: (&str, [&str; 2]) = ("crates/casty-client/", ["casty-client", "casty-testkit"]);

/// The files that faults are put into: the client, its engines and transports, and the decoders,
/// which read bytes that a peer chose.
const FILES: [&str; 45] = [
    "crates/casty-client/src/**/*.rs",
    "crates/casty-routing/src/**/*.rs",
    "crates/casty-proto/src/address.rs",
    "crates/casty-proto/src/class_name.rs",
    "crates/casty-proto/src/compression.rs",
    "crates/casty-proto/src/compression/*.rs",
    "crates/casty-proto/src/frame.rs",
    "crates/casty-proto/src/handshake.rs",
    "crates/casty-proto/src/header.rs",
    "crates/casty-proto/src/limits.rs",
    "crates/casty-proto/src/notation.rs",
    "crates/casty-proto/src/protobuf.rs",
    "crates/casty-proto/src/reference.rs",
    "crates/casty-proto/src/codec/float.rs",
    "crates/casty-proto/src/codec/pickle/arena.rs",
    "crates/casty-proto/src/codec/pickle/class.rs",
    "crates/casty-proto/src/codec/pickle/de.rs",
    "crates/casty-proto/src/codec/pickle/de/*.rs",
    "crates/casty-proto/src/codec/pickle/int.rs",
    "crates/casty-proto/src/codec/pickle/measure.rs",
    "crates/casty-proto/src/codec/pickle/python_text.rs",
    "crates/casty-proto/src/codec/pickle/read.rs",
    "crates/casty-proto/src/codec/pickle/read/*.rs",
    "crates/casty-proto/src/codec/pickle/read_value.rs",
    "crates/casty-proto/src/codec/pickle/stdlib.rs",
    "crates/casty-proto/src/codec/protobuf/de.rs",
    "crates/casty-proto/src/codec/protobuf/de/*.rs",
    "crates/casty-proto/src/codec/protobuf/kind.rs",
    "crates/casty-proto/src/codec/protobuf/read_value.rs",
    "crates/casty-proto/src/codec/protobuf/stdlib.rs",
    "crates/casty-proto/src/codec/protobuf/tag.rs",
    "crates/casty-proto/src/codec/protobuf/wire.rs",
    "crates/casty-proto/src/codec/tree/de.rs",
    "crates/casty-proto/src/codec/tree/de/*.rs",
    "crates/casty-proto/src/codec/tree/json/source.rs",
    "crates/casty-proto/src/codec/tree/marker.rs",
    "crates/casty-proto/src/codec/tree/msgpack/source.rs",
    "crates/casty-proto/src/codec/tree/notation.rs",
    "crates/casty-proto/src/codec/tree/read_value.rs",
    "crates/casty-proto/src/codec/tree/reader.rs",
    "crates/casty-proto/src/codec/tree/sink_target.rs",
    "crates/casty-proto/src/codec/tree/source.rs",
    "crates/casty-proto/src/value/temporal.rs",
    "crates/casty-proto/src/value/uuid.rs",
    "crates/casty-transport/src/**/*.rs",
];

/// The least score, in percent, with which the command succeeds.
const ENOUGH: usize = 95;

/// Settings of proptest: a fault that few of its inputs show has to be shown by a test of its own,
/// and nobody looks at a failing input here.
const PROPTEST: [(&str, &str); 2] = [("PROPTEST_CASES", "32"), ("PROPTEST_MAX_SHRINK_ITERS", "0")];

/// Measures, and prints the score of each file: of all, or of those that `files`, as globs, name.
pub(crate) fn run(steps: &mut Steps, files: &[String]) -> Result<(), Failure> {
    MUTANTS.install(steps)?;
    let (of_client, others): (Vec<_>, Vec<_>) =
        chosen(files).partition(|file| file.starts_with(CLIENT.0));
    let mut scores = measured(steps, "mutants-client", &of_client, &CLIENT.1)?;
    scores.extend(measured(steps, "mutants", &others, &[])?);
    println!("{}", table(&scores));
    let all = total(&scores);
    if all.is_enough() {
        Ok(())
    } else {
        Err(Failure(format!("{all}; {ENOUGH} % are asked for")))
    }
}

/// Measures files with the tests of `packages`, those of each file's own crate if that is empty.
fn measured(
    steps: &mut Steps,
    name: &str,
    files: &[&str],
    packages: &[&str],
) -> Result<BTreeMap<String, Score>, Failure> {
    if files.is_empty() {
        return Ok(BTreeMap::new());
    }
    let folder = tools::target().join(name);
    let mut command = MUTANTS.command();
    command
        // One at a time: what is built is kept for the next run, in one place.
        .args(["--no-shuffle", "--jobs", "1"])
        .env("CARGO_TARGET_DIR", &folder)
        .args(["--minimum-test-timeout", "60", "--build-timeout", "300"])
        .args(files.iter().flat_map(|glob| ["--file", glob]))
        .args(packages.iter().flat_map(|name| ["--test-package", name]))
        .arg("--output")
        .arg(&folder)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .envs(PROPTEST);
    steps.check(name, || match command.status() {
        // Some were missed, or some ran out of time: the scores tell.
        Ok(status) if matches!(status.code(), Some(0 | 2 | 3)) => Ok(()),
        Ok(status) => Err(Failure(format!("cargo-mutants: {status}"))),
        Err(error) => Err(Failure(format!("cargo-mutants: {error}"))),
    })?;
    let path = folder.join("mutants.out/outcomes.json");
    let text = fs::read_to_string(&path).map_err(Failure::at(&path))?;
    scores(&text).map_err(Failure::at(&path))
}

/// Returns the files that were asked for, or all.
fn chosen(files: &[String]) -> impl Iterator<Item = &str> {
    let all = FILES.iter().copied().filter(|_| files.is_empty());
    files.iter().map(String::as_str).chain(all)
}

/// The outcomes of the mutants of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Score {
    /// A test failed.
    caught: usize,
    /// The tests ended no more, which is noticed as well.
    timeout: usize,
    missed: usize,
    /// The compiler refused them: they count for nothing.
    unviable: usize,
}

impl Score {
    fn noticed(self) -> usize {
        self.caught + self.timeout
    }

    fn viable(self) -> usize {
        self.noticed() + self.missed
    }

    fn is_enough(self) -> bool {
        self.noticed() * 100 >= self.viable() * ENOUGH
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noticed, viable) = (self.noticed(), self.viable());
        // In tenths of a percent, rounded down: 100 % is said of nothing less.
        let score = (noticed * 1_000).checked_div(viable).unwrap_or(1_000);
        let (whole, tenth) = (score / 10, score % 10);
        write!(f, "{noticed} of {viable} noticed, {whole}.{tenth} %")
    }
}

/// Returns the scores by file, as cargo-mutants wrote the outcomes down.
fn scores(outcomes: &str) -> Result<BTreeMap<String, Score>, serde_json::Error> {
    let tree: Value = serde_json::from_str(outcomes)?;
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for outcome in tree["outcomes"].as_array().into_iter().flatten() {
        // The run without any fault has no file.
        let Some(file) = outcome["scenario"]["Mutant"]["file"].as_str() else {
            continue;
        };
        let score = scores.entry(file.to_owned()).or_default();
        match outcome["summary"].as_str() {
            Some("CaughtMutant") => score.caught += 1,
            Some("Timeout") => score.timeout += 1,
            Some("Unviable") => score.unviable += 1,
            // Whatever else there may be in other releases is no proof of a test's power.
            _ => score.missed += 1,
        }
    }
    Ok(scores)
}

fn total(scores: &BTreeMap<String, Score>) -> Score {
    scores.values().fold(Score::default(), |sum, score| Score {
        caught: sum.caught + score.caught,
        timeout: sum.timeout + score.timeout,
        missed: sum.missed + score.missed,
        unviable: sum.unviable + score.unviable,
    })
}

/// Returns the scores as a table of Markdown.
fn table(scores: &BTreeMap<String, Score>) -> String {
    let mut table = "| file | noticed of viable | missed |\n|---|---|---|\n".to_owned();
    let all = ("all".to_owned(), total(scores));
    let rows = scores.iter().map(|(file, score)| (file, *score));
    for (file, score) in rows.chain([(&all.0, all.1)]) {
        let _ = writeln!(table, "| `{file}` | {score} | {} |", score.missed);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::root;

    const OUTCOMES: &str = r#"{"outcomes": [
        {"scenario": "Baseline", "summary": "Success"},
        {"scenario": {"Mutant": {"file": "a/src/b.rs"}}, "summary": "CaughtMutant"},
        {"scenario": {"Mutant": {"file": "a/src/b.rs"}}, "summary": "Timeout"},
        {"scenario": {"Mutant": {"file": "a/src/b.rs"}}, "summary": "MissedMutant"},
        {"scenario": {"Mutant": {"file": "a/src/c.rs"}}, "summary": "Unviable"}
    ]}"#;

    #[test]
    fn what_the_compiler_refuses_counts_for_nothing_and_what_never_ends_is_noticed() {
        let scores = scores(OUTCOMES).unwrap();
        let rows = table(&scores);
        assert!(
            rows.contains("| `a/src/b.rs` | 2 of 3 noticed, 66.6 % | 1 |"),
            "{rows}"
        );
        assert!(
            rows.contains("| `a/src/c.rs` | 0 of 0 noticed, 100.0 % | 0 |"),
            "{rows}"
        );
        assert!(!total(&scores).is_enough());
    }

    #[test]
    fn nineteen_of_twenty_are_enough_and_eighteen_are_not() {
        let score = |caught| Score {
            caught,
            missed: 20 - caught,
            ..Score::default()
        };
        assert!(score(19).is_enough());
        assert!(!score(18).is_enough());
    }

    #[test]
    fn all_files_are_there_and_are_taken_unless_others_are_asked_for() {
        for file in FILES {
            let folder = file.split('*').next().unwrap_or_default();
            assert!(root().join(folder).exists(), "{file}");
        }
        assert!(chosen(&[]).eq(FILES));
        assert!(chosen(&["a.rs".to_owned()]).eq(["a.rs"]));
    }
}
