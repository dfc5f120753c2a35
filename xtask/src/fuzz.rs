//! libFuzzer over the targets of casty-fuzz, and the table of hostile inputs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Failure, Steps, cargo, root};
use crate::tools::{self, Tool};

const FUZZ: Tool = Tool {
    name: "fuzz",
    release: "0.13.1",
};

/// The package that libFuzzer's programs are built from.
const FOLDER: &str = "fuzz/libfuzzer";

/// The longest input that is tried, in bytes.
const LONGEST: u32 = 4096;

/// The longest input that is kept under `fuzz/corpus`: it has to stay small.
const LONGEST_KEPT: u32 = 500;

/// The arguments of the command line.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    seconds: u32,
    minimise: bool,
    /// All if there are none.
    targets: Vec<String>,
}

impl Wanted {
    fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut wanted = Self {
            seconds: 60,
            minimise: false,
            targets: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seconds" => {
                    let seconds = args.next().and_then(|number| number.parse().ok());
                    let seconds = seconds.filter(|seconds| *seconds > 0);
                    wanted.seconds = seconds
                        .ok_or_else(|| Failure("--seconds needs a number from 1".to_owned()))?;
                }
                "--minimise" => wanted.minimise = true,
                other => wanted.targets.push(other.to_owned()),
            }
        }
        Ok(wanted)
    }
}

/// Fuzzes each target for a while. What is new is kept under `target/`, and with `--minimise` what
/// reaches something that nothing smaller does goes to `fuzz/corpus`.
pub(crate) fn run(steps: &mut Steps, args: &[String]) -> Result<(), Failure> {
    let mut wanted = Wanted::parse(args)?;
    let known = targets()?;
    if let Some(unknown) = wanted.targets.iter().find(|name| !known.contains(name)) {
        let known = known.join(" ");
        return Err(Failure(format!(
            "no target is called {unknown}; there are {known}"
        )));
    }
    FUZZ.install(steps)?;
    if wanted.targets.is_empty() {
        wanted.targets = known;
        // Otherwise each is built when it is run.
        steps.run("programs", &mut fuzz("build"))?;
    }
    let seeds = ["run", "--quiet", "--package", "casty-fuzz", "--", "--seeds"];
    steps.run("seeds", cargo(seeds).arg(grown("")))?;
    let mut table = vec![line([
        "target",
        "executions",
        "per second",
        "inputs",
        "coverage",
    ])];
    for target in &wanted.targets {
        steps.check(&format!("{target}, {} s", wanted.seconds), || {
            let row = fuzz_one(target, wanted.seconds)?;
            println!("{row}");
            table.push(row);
            Ok(())
        })?;
        if wanted.minimise {
            steps.check(&format!("{target}, minimised"), || minimise(target))?;
        }
    }
    println!("{}\n", table.join("\n"));
    Ok(())
}

/// Runs the test that prints the table of hostile inputs, optimised as users build.
pub(crate) fn bombs(steps: &mut Steps) -> Result<(), Failure> {
    let test = [
        "test",
        "--release",
        "--package",
        "casty-fuzz",
        "--test",
        "bombs",
    ];
    steps.run("bombs", cargo(test).args(["--", "--nocapture"]))
}

/// Returns all targets, by the folders of their corpora.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = kept("");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Failure::at(&folder))? {
        let name = entry.map_err(Failure::at(&folder))?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Returns the folder of the inputs that are checked in.
fn kept(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

/// Returns the folder of the inputs that fuzzing has found so far.
fn grown(target: &str) -> PathBuf {
    tools::target().join("fuzz/corpus").join(target)
}

/// Returns a command of cargo-fuzz, without a sanitizer: there is no unsafe code to look at, and a
/// stable compiler has none.
fn fuzz(command: &str) -> Command {
    let mut fuzz = FUZZ.command();
    fuzz.args([command, "--sanitizer", "none", "--fuzz-dir", FOLDER]);
    fuzz.arg("--target-dir").arg(tools::target().join("fuzz"));
    fuzz
}

/// Runs libFuzzer over a target's corpora, what it says going to a log. Gives the log.
fn libfuzzer(target: &str, folders: [&Path; 2], flags: &[String]) -> Result<String, Failure> {
    let log = tools::target().join("fuzz").join(format!("{target}.log"));
    let failure = |error: std::io::Error| Failure(format!("{target}: {error}"));
    let mut command = fuzz("run");
    command.arg(target).args(folders).arg("--").args(flags);
    command.stderr(File::create(&log).map_err(failure)?);
    let status = command.status().map_err(failure)?;
    let said = String::from_utf8_lossy(&fs::read(&log).map_err(failure)?).into_owned();
    if status.success() {
        return Ok(said);
    }
    // The panic, and cargo-fuzz's words on how to reproduce it.
    let from = said.find("panicked at").or_else(|| said.find("ERROR:"));
    eprintln!("{}", said.get(from.unwrap_or(0)..).unwrap_or_default());
    let input = said
        .lines()
        .find_map(|line| line.split_once("Test unit written to "));
    let input = input.map_or("INPUT", |(_, path)| path.trim());
    Err(Failure(format!(
        "{target} failed; `cargo run -p casty-fuzz -- {target} {input}` shows it again"
    )))
}

/// Fuzzes one target; gives its row of the table.
fn fuzz_one(target: &str, seconds: u32) -> Result<String, Failure> {
    let flags = [
        format!("-max_total_time={seconds}"),
        format!("-max_len={LONGEST}"),
        "-timeout=10".to_owned(),
    ];
    let said = libfuzzer(target, [&grown(target), &kept(target)], &flags)?;
    let done = said.lines().rfind(|line| line.contains("DONE"));
    row(target, done.unwrap_or_default())
        .ok_or_else(|| Failure(format!("{target}: libFuzzer does not say what it has done")))
}

/// Returns a row of figures from libFuzzer's last line: `#7 DONE cov: 149 ft: 728 corp: 84/53Kb
/// lim: 4096 exec/s: 3`.
fn row(target: &str, done: &str) -> Option<String> {
    let executions = done.split_whitespace().next()?.strip_prefix('#')?;
    let mut words = done.split_whitespace();
    let mut after = |name| words.by_ref().skip_while(|word| *word != name).nth(1);
    let (coverage, corpus, speed) = (after("cov:")?, after("corp:")?, after("exec/s:")?);
    Some(line([target, executions, speed, corpus, coverage]))
}

fn line([target, executions, speed, inputs, coverage]: [&str; 5]) -> String {
    format!("{target:<12}{executions:>12}{speed:>12}{inputs:>14}{coverage:>10}")
}

/// Makes the inputs that are checked in anew: the fewest short ones that cover what all cover.
fn minimise(target: &str) -> Result<(), Failure> {
    let failure = |error: std::io::Error| Failure(format!("{target}: {error}"));
    let kept = kept(target);
    for entry in fs::read_dir(&kept).map_err(failure)? {
        let path = entry.map_err(failure)?.path();
        // What was kept must not be lost if it reaches what the rest does not.
        let name = path.file_name().unwrap_or_default();
        fs::copy(&path, grown(target).join(name)).map_err(failure)?;
        fs::remove_file(path).map_err(failure)?;
    }
    let flags = [
        "-set_cover_merge=1".to_owned(),
        format!("-max_len={LONGEST_KEPT}"),
    ];
    libfuzzer(target, [&kept, &grown(target)], &flags)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_has_done_is_read_from_its_last_line() {
        let done =
            "#269710\tDONE   cov: 149 ft: 728 corp: 84/53Kb lim: 4096 exec/s: 38530 rss: 32Mb";
        let row = row("frame", done).unwrap();
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words, ["frame", "269710", "38530", "84/53Kb", "149"]);
        assert_eq!(super::row("frame", "INFO: Seed: 1"), None);
    }

    #[test]
    fn seconds_and_targets_are_told_apart() {
        let parse = |args: &[&str]| {
            let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
            Wanted::parse(&args)
        };
        let wanted = parse(&["json", "--seconds", "5", "lz4"]).unwrap();
        assert_eq!((wanted.seconds, wanted.minimise), (5, false));
        assert_eq!(wanted.targets, ["json", "lz4"]);
        assert_eq!(parse(&[]).unwrap().seconds, 60);
        for wrong in ["", "0", "soon"] {
            assert!(parse(&["--seconds", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_corpus_has_a_program_of_libfuzzer() {
        let targets = targets().unwrap();
        assert!(targets.len() >= 15);
        let manifest = fs::read_to_string(root().join(FOLDER).join("Cargo.toml")).unwrap();
        for target in targets {
            let program = format!("fuzz_targets/{target}.rs");
            assert!(manifest.contains(&program), "{target}");
            assert!(root().join(FOLDER).join(program).exists(), "{target}");
        }
    }
}
