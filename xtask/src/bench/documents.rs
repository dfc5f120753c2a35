//! The figures that documents show: copied between two marks of theirs from what a run has written, so
//! that they are replaced all at once.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::steps::{Failure, Steps, root};

/// The document that shows figures, ...
const DOCUMENT: &str = "docs/performance.md";
/// ... and the one that shows what `casty-bench-scale` prints.
const README: &str = "benches/README.md";

/// The file that says what a message costs in instructions.
const BUDGETS: &str = "gates/budgets.toml";

/// The facts of a report that are shown: those that say on what, and of what.
const FACTS: [&str; 8] = [
    "commit",
    "processor",
    "cores",
    "kernel",
    "rustc",
    "rounds",
    "span seconds",
    "codec",
];

/// Writes the figures of the reports in a folder into the documents. One that is not there, but for the
/// report of a run, leaves what the documents have.
pub(super) fn write(steps: &mut Steps, folder: &Path) -> Result<(), Failure> {
    steps.check(&format!("figures of {DOCUMENT}"), || {
        let path = root().join(DOCUMENT);
        let mut text = read(&path)?;
        let report = read(&folder.join("report.md"))?;
        text = replaced(&text, "ratios", &ratios(&report)?)?;
        text = replaced(&text, "stages", &stages(&read(&root().join(BUDGETS))?))?;
        let tuning = folder.join("tuning.md");
        if tuning.is_file() {
            text = replaced(&text, "tuning", &read(&tuning)?)?;
        }
        fs::write(&path, text).map_err(|error| Failure(format!("{DOCUMENT}: {error}")))?;
        let scale = folder.join("scale.md");
        if !scale.is_file() {
            return Ok(());
        }
        let path = root().join(README);
        let text = replaced(&read(&path)?, "scale", &read(&scale)?)?;
        fs::write(&path, text).map_err(|error| Failure(format!("{README}: {error}")))
    })
}

fn read(path: &PathBuf) -> Result<String, Failure> {
    let text = fs::read_to_string(path);
    text.map_err(Failure::at(path))
}

/// Returns the facts and the table of ratios of a report.
fn ratios(report: &str) -> Result<String, Failure> {
    let facts = report.lines().filter(|line| {
        let fact = line
            .strip_prefix("- ")
            .and_then(|fact| fact.split_once(": "));
        fact.is_some_and(|(name, _)| FACTS.contains(&name))
    });
    let rows = report.lines().skip_while(|line| *line != "## Ratios");
    let rows = rows.skip(1).skip_while(|line| !line.starts_with('|'));
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    if rows.is_empty() {
        return Err(Failure("report.md: no table of ratios".to_owned()));
    }
    let facts: Vec<_> = facts.collect();
    Ok(format!("{}\n\n{}\n", facts.join("\n"), rows.join("\n")))
}

/// Returns the table of the stages' instructions.
fn stages(budgets: &str) -> String {
    let lines = budgets.lines().skip_while(|line| *line != "[instructions]");
    let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    let mut table = "| stage | instructions |\n|---|---:|\n".to_owned();
    for (stage, count) in lines.filter_map(|line| line.split_once(" = ")) {
        // Writing to a string does not fail.
        let _ = writeln!(table, "| {stage} | {count} |");
    }
    table
}

/// Returns a text whose part of that name is another one.
fn replaced(text: &str, name: &str, part: &str) -> Result<String, Failure> {
    let missing = || Failure(format!("no marks for {name} in the document"));
    let (begin, end) = (
        format!("<!-- begin {name} -->\n"),
        format!("<!-- end {name} -->"),
    );
    let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", part.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "# Benchmark\n\n- arguments: --peers x\n- cores: 2\n- seed: 4\n\n\
        ## Ratios\n\n| ratio | goal |\n|---|---|\n| a | 1 |\n\n## Cells\n\n| load |\n|---|\n";

    #[test]
    fn only_what_two_marks_enclose_is_replaced() {
        let text = "a\n<!-- begin ratios -->\nold\n<!-- end ratios -->\nb\n";
        let once = replaced(text, "ratios", "new\n").unwrap();
        assert_eq!(
            once,
            "a\n<!-- begin ratios -->\n\nnew\n\n<!-- end ratios -->\nb\n"
        );
        assert_eq!(replaced(&once, "ratios", "new").unwrap(), once);
        replaced(text, "tuning", "new").unwrap_err();
    }

    #[test]
    fn a_report_gives_its_ratios_and_the_facts_that_are_no_one_machine_s_own() {
        let part = ratios(REPORT).unwrap();
        assert_eq!(
            part,
            "- cores: 2\n\n| ratio | goal |\n|---|---|\n| a | 1 |\n"
        );
        ratios("# Benchmark\n").unwrap_err();
    }

    #[test]
    fn stages_are_those_of_instructions_alone() {
        let budgets = "rustc = \"x\"\n\n[instructions]\na = 1.5\n\n[allocations]\na = 0.0\n";
        assert_eq!(
            stages(budgets),
            "| stage | instructions |\n|---|---:|\n| a | 1.5 |\n"
        );
    }

    #[test]
    fn the_documents_have_the_marks() {
        let text = read(&root().join(DOCUMENT)).unwrap();
        for name in ["ratios", "stages", "tuning"] {
            replaced(&text, name, "").unwrap();
        }
        replaced(&read(&root().join(README)).unwrap(), "scale", "").unwrap();
    }
}
