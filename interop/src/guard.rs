//! `casty guard` beside real nodes of which one is killed: what its entities do with it, and what they do without.
//! `cargo xtask interop --guard` runs it. `beside` is the process of a guard, `trial` a kill, and
//! `one_way` the link between a guard and a node that breaks.

use std::time::{Duration, Instant};

use crate::error::Failure;
use crate::python::Installation;
use crate::suite::{causes, finished};

mod beside;
mod one_way;
mod trial;

pub(crate) use beside::{Evidence, Guard};
pub(crate) use one_way::{Lost, OneWay};
pub(crate) use trial::{Victim, settled, trial};

use trial::Recovery;

/// The longest time that a trial may take.
const DEADLINE: Duration = Duration::from_mins(2);

/// The trials of one kind.
struct Row {
    victim: Victim,
    guard: Option<Evidence>,
    trials: Vec<Recovery>,
    failures: Vec<String>,
}

/// Kills a node of three so many times for each kind of victim and of guard, in a new cluster each time, and prints
/// a table. Whether all entities were answered within 5 s wherever there was a guard.
pub async fn run(python: &Installation, trials: usize) -> bool {
    let mut rows = Vec::new();
    for victim in [Victim::Follower, Victim::Leader] {
        for guard in [None, Some(Evidence::Silence), Some(Evidence::Stillness)] {
            rows.push(repeat(python, victim, guard, trials).await);
        }
    }
    println!("\n| killed | beside | within 5 s | all answered for good from |\n|---|---|---|---|");
    for row in &rows {
        println!("{}", row.line());
    }
    rows.iter().all(Row::is_as_promised)
}

async fn repeat(
    python: &Installation,
    victim: Victim,
    guard: Option<Evidence>,
    trials: usize,
) -> Row {
    let mut row = Row {
        victim,
        guard,
        trials: Vec::new(),
        failures: Vec::new(),
    };
    for number in 0..trials {
        let begun = Instant::now();
        let label = format!("guard-{victim:?}-{}-{number}", row.beside());
        let outcome = finished(trial(python.clone(), label, victim, guard), DEADLINE).await;
        let took = begun.elapsed().as_secs_f64();
        let (killed, beside) = (victim.name(), row.beside());
        match outcome {
            Ok(recovery) => {
                println!("{killed} killed, {beside}: {recovery} ({took:.0} s)");
                row.trials.push(recovery);
            }
            Err(failure) => {
                let failure: Failure = failure;
                println!("{killed} killed, {beside}: FAILED: {}", causes(&failure));
                row.failures.push(causes(&failure));
            }
        }
    }
    row
}

impl Row {
    fn beside(&self) -> &'static str {
        self.guard.map_or("no guard", Evidence::name)
    }

    fn in_time(&self) -> usize {
        let trials = self.trials.iter();
        trials.filter(|recovery| recovery.is_in_time()).count()
    }

    /// Returns whether a guard, if there was one, has kept what it is there for.
    fn is_as_promised(&self) -> bool {
        let kept = self.guard.is_none() || self.in_time() == self.trials.len();
        kept && self.failures.is_empty() && !self.trials.is_empty()
    }

    fn line(&self) -> String {
        let times = self.trials.iter().map(Recovery::time);
        let times: Vec<_> = times.collect();
        format!(
            "| {} | {} | {} of {} | {} |",
            self.victim.name(),
            self.beside(),
            self.in_time(),
            self.trials.len() + self.failures.len(),
            times.join(", ")
        )
    }
}
