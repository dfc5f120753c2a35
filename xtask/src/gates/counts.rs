//! The counting: each stage is run for some messages and for twice as many, and the difference is what
//! the messages cost.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::Failure;
use crate::tools;

/// The program that runs stages under callgrind, ...
const INSTRUCTIONS: &str = "casty-gates-instructions";
/// ... and its function whose callees do not count.
const LEFT_OUT: &str = "casty_gates_instructions::left_out";
/// The program that runs stages and prints how many allocations that took.
const ALLOCATIONS: &str = "casty-gates-allocations";

/// The cost of a message in one stage.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) stage: String,
    /// None if there is no valgrind.
    pub(super) instructions: Option<f64>,
    pub(super) allocations: f64,
}

/// The programs that count.
pub(super) struct Programs {
    valgrind: Option<PathBuf>,
    /// The folder of the programs whose cost is counted.
    built: PathBuf,
    /// The folder that profiles are left in.
    profiles: PathBuf,
}

impl Programs {
    /// Returns the programs as cargo has built them; without valgrind, instructions are not counted.
    pub(super) fn new(valgrind: Option<PathBuf>) -> Self {
        Self {
            valgrind,
            built: tools::target().join("release"),
            profiles: tools::target().join("bench/callgrind"),
        }
    }

    /// Counts every stage.
    pub(super) fn count(&self) -> Result<Vec<Count>, Failure> {
        let folder = &self.profiles;
        fs::create_dir_all(folder).map_err(Failure::at(folder))?;
        let list = self.program(ALLOCATIONS);
        let list = output(&mut command(&list))?;
        let stages: Option<Vec<_>> = list.lines().map(stage).collect();
        let stages = stages.filter(|stages| !stages.is_empty());
        let stages = stages.ok_or_else(|| Failure(format!("{ALLOCATIONS}: no list of stages")))?;
        let mut counts = Vec::new();
        for (name, messages) in stages {
            let instructions = match &self.valgrind {
                Some(valgrind) => Some(per_message(messages, 10.0, |messages| {
                    self.instructions(valgrind, name, messages)
                })?),
                None => None,
            };
            let allocations = per_message(messages, 1000.0, |messages| {
                self.allocations(name, messages)
            })?;
            counts.push(Count {
                stage: name.to_owned(),
                instructions,
                allocations,
            });
        }
        Ok(counts)
    }

    /// Returns the instructions of a whole run.
    fn instructions(&self, valgrind: &Path, stage: &str, messages: u32) -> Result<u64, Failure> {
        let profile = self.profiles.join(format!("{stage}.out"));
        let mut callgrind = command(valgrind);
        callgrind
            .args(["--quiet", "--tool=callgrind"])
            // Said last: the toggle has collection begin switched off.
            .arg(format!("--toggle-collect={LEFT_OUT}"))
            .arg("--collect-atstart=yes")
            .arg(format!("--callgrind-out-file={}", profile.display()))
            .arg(self.program(INSTRUCTIONS))
            .args([stage, &messages.to_string()]);
        output(&mut callgrind)?;
        let text = fs::read_to_string(&profile);
        let text = text.map_err(Failure::at(&profile))?;
        totals(&text).ok_or_else(|| Failure(format!("{}: no totals", profile.display())))
    }

    /// Returns the allocations of a whole run.
    fn allocations(&self, stage: &str, messages: u32) -> Result<u64, Failure> {
        let program = self.program(ALLOCATIONS);
        let said = output(command(&program).args([stage, &messages.to_string()]))?;
        let count = said.trim().parse();
        count.map_err(|_| Failure(format!("{ALLOCATIONS} {stage}: {said}")))
    }

    fn program(&self, name: &str) -> PathBuf {
        self.built.join(name)
    }
}

/// Returns a table of counts, for people.
pub(super) fn table(counts: &[Count]) -> String {
    let mut table = format!(
        "{:<22}{:>14}{:>14}\n",
        "stage", "instructions", "allocations"
    );
    for count in counts {
        let instructions = count.instructions;
        let instructions = instructions.map_or("-".to_owned(), |count| format!("{count:.1}"));
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "{:<22}{instructions:>14}{:>14.3}",
            count.stage, count.allocations
        );
    }
    table
}

/// Returns a program with no environment: what stands there moves the stack, and with it what copies
/// of memory cost.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

fn output(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.map_err(|error| Failure(format!("{program}: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("{program}: {}: {said}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns a stage and its number of messages from a line of the list.
fn stage(line: &str) -> Option<(&str, u32)> {
    let (name, messages) = line.split_once(' ')?;
    let messages = messages.parse().ok().filter(|messages| *messages > 0);
    Some((name, messages?))
}

/// Returns the cost of one more message, in so many parts of one: that of twice as many messages less
/// that of them, and so without what is done once.
fn per_message(
    messages: u32,
    parts: f64,
    count: impl Fn(u32) -> Result<u64, Failure>,
) -> Result<f64, Failure> {
    let (few, many) = (count(messages)?, count(2 * messages)?);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let difference = many as f64 - few as f64;
    Ok((difference / f64::from(messages) * parts).round() / parts)
}

/// Returns the number of instructions that a profile of callgrind tells.
fn totals(profile: &str) -> Option<u64> {
    let totals = profile.lines().rev();
    let mut totals = totals.filter_map(|line| line.strip_prefix("totals: "));
    totals.next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_costs_what_twice_as_many_cost_more() {
        let start = 123_456;
        let cost = |messages| Ok(start + u64::from(messages) * 17 + u64::from(messages) / 64);
        let instructions = per_message(6400, 10.0, cost).unwrap();
        let allocations = per_message(6400, 1000.0, cost).unwrap();
        assert_eq!(instructions.to_bits(), 17.0_f64.to_bits());
        assert_eq!(allocations.to_bits(), 17.016_f64.to_bits());
        per_message(1, 1.0, |_| Err(Failure(String::new()))).unwrap_err();
    }

    #[test]
    fn the_end_of_a_profile_tells_the_total() {
        let profile = "events: Ir\nfn=(1) totals: 9\n3 4\n\ntotals: 1234567\n";
        assert_eq!(totals(profile), Some(1_234_567));
        assert_eq!(totals("events: Ir\n"), None);
    }

    #[test]
    fn stages_are_listed_with_a_number_of_messages() {
        assert_eq!(stage("tell 20000"), Some(("tell", 20_000)));
        for wrong in ["tell", "tell 0", "tell many", ""] {
            assert_eq!(stage(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_not_counted_is_shown_as_such() {
        let count = |instructions| Count {
            stage: "tell".to_owned(),
            instructions,
            allocations: 0.016,
        };
        let table = table(&[count(None), count(Some(980.25))]);
        let rows: Vec<Vec<_>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[1], ["tell", "-", "0.016"]);
        assert_eq!(rows[2][2], "0.016");
    }
}
