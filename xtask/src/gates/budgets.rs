//! The budgets: the most that a message may cost in each stage.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::process::Command;

use toml::{Table, Value};

use super::counts::Count;
use crate::steps::Failure;

/// The part of a budget by which instructions may be over it: more than other code elsewhere in the
/// program changes them, and less than what anybody would notice.
const TOLERANCE: f64 = 0.03;

/// The costs of a message by the names of stages.
type Costs = BTreeMap<String, f64>;

/// The budgets, and the compiler that they hold for.
#[derive(Debug, PartialEq)]
pub(super) struct Budgets {
    pub(super) compiler: Compiler,
    pub(super) instructions: Costs,
    pub(super) allocations: Costs,
}

/// The compiler that made a program, and for what machine.
#[derive(Debug, PartialEq)]
pub(super) struct Compiler {
    pub(super) rustc: String,
    host: String,
}

/// The outcome of a comparison.
pub(super) struct Outcome {
    /// Something to say about each count that is not as its budget has it.
    pub(super) lines: Vec<String>,
    pub(super) failures: usize,
}

/// The measure of a count against its budget.
#[derive(Debug, PartialEq)]
enum Verdict {
    Kept,
    Over,
    /// The budget could be less.
    Improved,
}

impl Compiler {
    /// Returns the compiler that cargo uses here.
    pub(super) fn installed() -> Result<Self, Failure> {
        let output = Command::new("rustc").arg("-vV").output();
        let output = output.map_err(|error| Failure(format!("rustc: {error}")))?;
        Self::parse(&String::from_utf8_lossy(&output.stdout))
            .ok_or_else(|| Failure("rustc -vV says neither release nor host".to_owned()))
    }

    fn parse(said: &str) -> Option<Self> {
        let mut lines = said.lines();
        Some(Self {
            rustc: lines.next()?.to_owned(),
            host: lines
                .find_map(|line| line.strip_prefix("host: "))?
                .to_owned(),
        })
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.rustc, self.host)
    }
}

impl Budgets {
    /// Reads what [`text`](Self::text) has written.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure(format!("budgets: {what}"));
        let table: Table = text.parse().map_err(|error| wrong(&format!("{error}")))?;
        let word = |name: &str| {
            let word = table.get(name).and_then(Value::as_str);
            word.map(str::to_owned)
                .ok_or_else(|| wrong(&format!("no {name}")))
        };
        let costs = |name: &str| {
            let costs = table.get(name).and_then(Value::as_table);
            let costs = costs.ok_or_else(|| wrong(&format!("no {name}")))?;
            let cost = |(stage, cost): (&String, &Value)| Some((stage.clone(), cost.as_float()?));
            let costs: Option<Costs> = costs.iter().map(cost).collect();
            costs.ok_or_else(|| wrong(&format!("{name} that are no numbers like 1.0")))
        };
        Ok(Self {
            compiler: Compiler {
                rustc: word("rustc")?,
                host: word("host")?,
            },
            instructions: costs("instructions")?,
            allocations: costs("allocations")?,
        })
    }

    /// Returns counts as budgets, in the form of their file.
    pub(super) fn text(compiler: &Compiler, counts: &[Count]) -> String {
        let Compiler { rustc, host } = compiler;
        let mut text = format!(
            "# The most that a message may cost in each stage; benches/README.md tells what they are.\n\
             # Written by `cargo xtask gates --write`, with the compiler that these counts hold for.\n\
             rustc = {rustc:?}\n\
             host = {host:?}\n\n\
             [instructions]\n"
        );
        // Writing to a string does not fail.
        for count in counts {
            if let Some(instructions) = count.instructions {
                let _ = writeln!(text, "{} = {instructions:.1}", count.stage);
            }
        }
        text.push_str("\n[allocations]\n");
        for count in counts {
            let _ = writeln!(text, "{} = {:?}", count.stage, count.allocations);
        }
        text
    }

    /// Compares counts with their budgets. Instructions may be over theirs by the tolerance,
    /// allocations by nothing; a count without budget fails, and so does a budget of a stage that
    /// there is not.
    pub(super) fn compare(&self, counts: &[Count]) -> Outcome {
        let mut outcome = Outcome {
            lines: Vec::new(),
            failures: 0,
        };
        for count in counts {
            let stage = count.stage.as_str();
            if let Some(instructions) = count.instructions {
                let budget = self.instructions.get(stage);
                outcome.note(stage, "instructions", instructions, budget, TOLERANCE);
            }
            let budget = self.allocations.get(stage);
            outcome.note(stage, "allocations", count.allocations, budget, 0.0);
        }
        let budgets = self.instructions.keys().chain(self.allocations.keys());
        for stage in budgets {
            if !counts.iter().any(|count| count.stage == *stage) {
                outcome.fail(format!("{stage}: a budget, and no such stage"));
            }
        }
        outcome
    }
}

impl Outcome {
    fn note(&mut self, stage: &str, what: &str, count: f64, budget: Option<&f64>, tolerance: f64) {
        let Some(budget) = budget else {
            return self.fail(format!("{stage}: {count} {what} a message, and no budget"));
        };
        let told = format!("{stage}: {count} {what} a message, the budget is {budget}");
        let change = change(count, *budget);
        match verdict(count, *budget, tolerance) {
            Verdict::Kept => {}
            Verdict::Over => self.fail(format!("{told}: over it{change}")),
            Verdict::Improved => self.lines.push(format!(
                "{told}: better{change}; write that down with `cargo xtask gates --write`"
            )),
        }
    }

    fn fail(&mut self, line: String) {
        self.lines.push(line);
        self.failures += 1;
    }
}

fn verdict(count: f64, budget: f64, tolerance: f64) -> Verdict {
    // Far below the last digit that is written.
    let margin = budget * tolerance + 1e-6;
    if count > budget + margin {
        Verdict::Over
    } else if count < budget - margin {
        Verdict::Improved
    } else {
        Verdict::Kept
    }
}

/// Returns the difference in percent, as the end of a sentence; nothing where there is none to take
/// percents of.
fn change(count: f64, budget: f64) -> String {
    if budget > 0.0 {
        format!(" by {:.1} %", (count / budget - 1.0).abs() * 100.0)
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(stage: &str, instructions: f64, allocations: f64) -> Count {
        Count {
            stage: stage.to_owned(),
            instructions: Some(instructions),
            allocations,
        }
    }

    fn compiler() -> Compiler {
        let said = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: any-machine\n";
        Compiler::parse(said).unwrap()
    }

    fn budgets(counts: &[Count]) -> Budgets {
        Budgets::parse(&Budgets::text(&compiler(), counts)).unwrap()
    }

    #[test]
    fn budgets_are_read_as_they_were_written() {
        let mut counts = vec![count("tell", 980.3, 0.0), count("ask", 2900.0, 1.016)];
        let read = budgets(&counts);
        assert_eq!(read.compiler, compiler());
        assert_eq!(read.instructions["tell"].to_bits(), 980.3_f64.to_bits());
        assert_eq!(read.allocations["ask"].to_bits(), 1.016_f64.to_bits());
        let outcome = read.compare(&counts);
        assert_eq!((outcome.failures, outcome.lines.len()), (0, 0));
        // Where instructions cannot be counted, allocations are all the same.
        counts[0].instructions = None;
        assert_eq!(read.compare(&counts).failures, 0);
        for wrong in [
            "",
            "rustc = 1",
            "rustc = \"a\"\nhost = \"b\"\n[instructions]\na = \"b\"\n",
        ] {
            Budgets::parse(wrong).unwrap_err();
        }
    }

    #[test]
    fn three_percent_more_instructions_are_kept_and_anything_above_fails() {
        let budgets = budgets(&[count("push", 1000.0, 0.0)]);
        for (instructions, failures, said) in [
            (1000.0, 0, ""),
            (1029.0, 0, ""),
            (1030.0, 0, ""),
            (1031.0, 1, "over it by 3.1 %"),
            (971.0, 0, ""),
            (969.0, 0, "better by 3.1 %"),
        ] {
            let outcome = budgets.compare(&[count("push", instructions, 0.0)]);
            assert_eq!(outcome.failures, failures, "{instructions}");
            let lines = outcome.lines.join("\n");
            assert_eq!(lines.is_empty(), said.is_empty(), "{lines}");
            assert!(lines.contains(said), "{lines}");
        }
        let outcome = budgets.compare(&[count("push", 1031.0, 0.0)]);
        assert_eq!(
            outcome.lines,
            ["push: 1031 instructions a message, the budget is 1000: over it by 3.1 %"]
        );
        let outcome = budgets.compare(&[count("push", 969.0, 0.0)]);
        assert!(outcome.lines[0].ends_with("`cargo xtask gates --write`"));
    }

    #[test]
    fn not_one_allocation_more_is_kept() {
        let budgets = budgets(&[count("tell", 1.0, 0.0), count("ask", 1.0, 1.0)]);
        for (tell, ask, failures, said) in [
            (0.0, 1.0, 0, 0),
            (0.001, 1.0, 1, 1),
            (0.0, 1.001, 1, 1),
            (0.0, 0.999, 0, 1),
            (1.0, 2.0, 2, 2),
        ] {
            let outcome = budgets.compare(&[count("tell", 1.0, tell), count("ask", 1.0, ask)]);
            assert_eq!(outcome.failures, failures, "{tell} {ask}");
            assert_eq!(outcome.lines.len(), said, "{:?}", outcome.lines);
        }
    }

    #[test]
    fn a_stage_without_budget_fails_and_so_does_a_budget_without_stage() {
        let budgets = budgets(&[count("push", 1.0, 0.0)]);
        let outcome = budgets.compare(&[count("pull", 1.0, 0.0)]);
        // Of the one there is neither budget, and of the other there are both.
        assert_eq!(outcome.failures, 4, "{:?}", outcome.lines);
    }
}
