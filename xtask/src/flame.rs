//! Flame graphs of the client under a load: where its processor time goes, as a picture that holds nothing
//! of the machine that it was made on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Failure, Steps, cargo, root};
use crate::tools;

use stacks::simplified;

mod stacks;

/// The package of the worker that is looked at, ...
const PACKAGE: &str = "casty-benches";
/// ... its program, ...
const WORKER: &str = "casty-bench-worker";
/// ... and what the kernel calls that: its first fifteen letters.
const THREADS: &str = "casty-bench-wor";

/// The package of the programs that draw, and its release.
const DRAWS: (&str, &str) = ("inferno", "0.12.8");

/// The pictures of the documents: the name of each, the sender and the load.
const PICTURES: [(&str, &str, &str); 6] = [
    ("tell", "client", "tell"),
    ("tell_all", "client", "tell_all"),
    ("ask_64", "client", "c64"),
    ("ask_512", "client", "c512"),
    ("ask_many_512", "client", "many512"),
    ("tell_tls", "client-tls", "tell"),
];

/// Draws the pictures of those names, or all.
pub(crate) fn run(steps: &mut Steps, names: &[String]) -> Result<(), Failure> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    if let Some(name) = names.iter().find(|name| !is_picture(name)) {
        return Err(Failure(format!("{name}: no picture of that name")));
    }
    install(steps)?;
    let folder = tools::target().join("flame");
    fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
    let build = ["build", "--release", "--package", PACKAGE, "--bins"];
    steps.run("program", &mut cargo(build))?;
    for (name, sender, load) in PICTURES {
        if wanted(name) {
            let samples = folder.join(format!("{name}.perf"));
            steps.run(name, &mut recording(&samples, sender, load))?;
            steps.check(&format!("docs/flame/{name}.svg"), || draw(name, &samples))?;
        }
    }
    Ok(())
}

fn is_picture(name: &str) -> bool {
    PICTURES.iter().any(|(known, ..)| *known == name)
}

fn tool(name: &str) -> PathBuf {
    tools::target().join("tools/bin").join(name)
}

/// Makes sure that there is what draws.
fn install(steps: &mut Steps) -> Result<(), Failure> {
    if tool("inferno-flamegraph").is_file() {
        return Ok(());
    }
    let (package, release) = DRAWS;
    let mut install = cargo([
        "install",
        "--debug",
        "--locked",
        "--version",
        release,
        package,
    ]);
    install.arg("--root").arg(tools::target().join("tools"));
    steps.run(package, &mut install)
}

/// Returns the command that takes samples of a worker under a load.
fn recording(samples: &Path, sender: &str, load: &str) -> Command {
    let mut perf = Command::new("perf");
    perf.current_dir(root());
    // By the clock: counters of the processor are not everywhere.
    perf.args([
        "record",
        "--quiet",
        "--event",
        "cpu-clock",
        "--freq",
        "1999",
    ]);
    // The stacks themselves, unwound later: code with frame pointers would be other code.
    perf.args(["--call-graph", "dwarf,16384", "--output"])
        .arg(samples);
    perf.arg("--")
        .arg(tools::target().join("release").join(WORKER));
    perf.args([sender, "--load", load, "--seconds", "6"]);
    perf
}

/// Draws the picture of samples.
fn draw(name: &str, samples: &Path) -> Result<(), Failure> {
    let mut script = Command::new("perf");
    script.args(["script", "--no-inline", "--comms", THREADS, "--input"]);
    let raw = samples.with_extension("stacks");
    output(script.arg(samples), &raw)?;
    let folded = samples.with_extension("folded");
    output(
        Command::new(tool("inferno-collapse-perf")).arg(&raw),
        &folded,
    )?;
    let text = fs::read_to_string(&folded).map_err(Failure::at(&folded))?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (stack, count) in text.lines().filter_map(simplified) {
        *counts.entry(stack).or_default() += count;
    }
    if counts.is_empty() {
        return Err(Failure(format!("{name}: no sample of a task")));
    }
    let mut lines = String::new();
    for (stack, count) in &counts {
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{stack} {count}");
    }
    fs::write(&folded, lines).map_err(Failure::at(&folded))?;
    let pictures = root().join("docs/flame");
    fs::create_dir_all(&pictures).map_err(Failure::at(&pictures))?;
    let mut flamegraph = Command::new(tool("inferno-flamegraph"));
    flamegraph.args(["--deterministic", "--minwidth", "0.2", "--title", name]);
    let drawn = samples.with_extension("svg");
    output(flamegraph.arg(&folded), &drawn)?;
    let text = fs::read_to_string(&drawn).map_err(Failure::at(&drawn))?;
    let picture = pictures.join(format!("{name}.svg"));
    fs::write(&picture, without_comments(&text)).map_err(Failure::at(&picture))
}

/// Returns a picture without the comments of its script, in which its authors note what is to be done.
fn without_comments(picture: &str) -> String {
    let lines = picture.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Runs a command and writes what it prints to a file.
fn output(command: &mut Command, to: &Path) -> Result<(), Failure> {
    let file = fs::File::create(to).map_err(Failure::at(to))?;
    let program = command.get_program().to_string_lossy().into_owned();
    match command.stdout(file).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!("{program}: {status}"))),
        Err(error) => Err(Failure(format!("{program}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes of a picture.
    const MOST: u64 = 150_000;

    #[test]
    fn comments_of_a_picture_go_and_all_else_stays() {
        let picture = "<svg>\n  // to be done\n  a = 'b//c';\n</svg>\n";
        assert_eq!(without_comments(picture), "<svg>\n  a = 'b//c';\n</svg>\n");
    }

    #[test]
    fn every_picture_is_there_and_short_and_the_document_shows_it() {
        let document = fs::read_to_string(root().join("docs/performance.md")).unwrap();
        for (name, ..) in PICTURES {
            let picture = format!("flame/{name}.svg");
            assert!(document.contains(&format!("({picture})")), "{picture}");
            let file = fs::metadata(root().join("docs").join(&picture)).unwrap();
            assert!(file.len() < MOST, "{picture}: {} bytes", file.len());
        }
    }
}
