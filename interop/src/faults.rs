//! Real faults on real nodes, each put once to the Rust client and once to casty's own
//! ClusterClient, and a table of both. `cargo xtask interop --faults` runs them.
//!
//! Both clients are processes of their own that obey the same orders, with defaults in all that
//! they are not told. What is asserted is asserted of the Rust client; Python's figures are
//! reported. `load` runs asks and numbered tells, `account` tells what became of these, `cutter` is a
//! proxy that can be cut, and `swallower` one that goes silent; the other files are a fault each.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::error::Failure;
use crate::python::Installation;
use crate::suite::{causes, finished};

mod account;
mod client_stopped;
mod connection_cut;
mod connections_forgotten;
mod connections_swallowed;
mod contacts_dead;
mod cutter;
mod figure;
mod load;
mod many_clients;
mod node_paused;
mod order;
mod ours;
mod owner_declared_dead;
mod owner_killed;
mod owner_restarted;
mod site;
mod subject;
mod subscribed_killed;
mod swallower;

pub use ours::obey;

use figure::Figure;
use site::Site;
use subject::Whose;

/// The faults, in the order in which they run.
const FAULTS: &[Fault] = &[
    Fault::new("owner killed, two nodes", |site| {
        Box::pin(owner_killed::run(site))
    }),
    Fault::new("owner killed, three nodes, then `down`", |site| {
        Box::pin(owner_declared_dead::run(site))
    }),
    Fault::new("owner restarted in 0.3 s, 800 tells/s", |site| {
        Box::pin(owner_restarted::run(site))
    }),
    Fault::new("subscribed node killed, two nodes", |site| {
        Box::pin(subscribed_killed::run(site))
    }),
    Fault::new("node paused for 3 s, three nodes", |site| {
        Box::pin(node_paused::run(site))
    }),
    Fault::new("client stopped for 12 s, two nodes", |site| {
        Box::pin(client_stopped::run(site))
    }),
    Fault::new("connection cut mid-frame, 800 tells/s", |site| {
        Box::pin(connection_cut::run(site))
    }),
    Fault::new("connections forgotten by a router, new ones work", |site| {
        Box::pin(connections_forgotten::run(site))
    }),
    Fault::new("connections swallowed, new ones work", |site| {
        Box::pin(connections_swallowed::run(site))
    }),
    Fault::new("contacts half dead", |site| {
        Box::pin(contacts_dead::run(site))
    }),
    Fault::new("many clients on one host", |site| {
        Box::pin(many_clients::run(site))
    }),
];

/// The longest time that a fault may take with one client.
const DEADLINE: Duration = Duration::from_mins(2);

struct Fault {
    name: &'static str,
    run: fn(Site) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Result<Vec<Figure>, Failure>> + Send>>;

impl Fault {
    const fn new(name: &'static str, run: fn(Site) -> Running) -> Self {
        Self { name, run }
    }
}

/// Runs the faults whose name contains one of `names`, or all, and prints the table. Whether the
/// Rust client was as it must be.
pub async fn run(python: &Installation, names: &[String]) -> bool {
    let begun = Instant::now();
    let taken = |fault: &&Fault| {
        names.is_empty() || names.iter().any(|name| fault.name.contains(name.as_str()))
    };
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for fault in FAULTS.iter().filter(taken) {
        let ours = measure(fault, python, Whose::Rust).await;
        let theirs = measure(fault, python, Whose::Python).await;
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                let missed = ours.iter().filter(|figure| !figure.met);
                failures
                    .extend(missed.map(|it| format!("{}: {}: {}", fault.name, it.what, it.value)));
                rows.extend(side_by_side(fault.name, ours, theirs));
            }
            (ours, theirs) => {
                let failed = [ours.err(), theirs.err()].into_iter().flatten();
                failures.extend(failed.map(|why| format!("{}: {}", fault.name, causes(&why))));
            }
        }
    }
    print_table(&rows);
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{} figures, {} failures, {took:.0} s",
        rows.len(),
        failures.len()
    );
    failures.is_empty() && !rows.is_empty()
}

/// Measures one client under a fault. Ending the task kills its nodes.
async fn measure(
    fault: &Fault,
    python: &Installation,
    whose: Whose,
) -> Result<Vec<Figure>, Failure> {
    let words = fault.name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let site = Site {
        python: python.clone(),
        whose,
        label: format!("fault-{}-{whose:?}", words.join("-")),
    };
    let begun = Instant::now();
    let outcome = finished((fault.run)(site), DEADLINE).await;
    let took = begun.elapsed().as_secs_f64();
    println!("{} [{whose:?}] ({took:.1} s)", fault.name);
    match &outcome {
        Ok(figures) => {
            for Figure { what, value, met } in figures {
                let verdict = if *met || whose == Whose::Python {
                    ""
                } else {
                    "MISSED: "
                };
                println!("    {verdict}{what}: {value}");
            }
        }
        Err(failure) => println!("    FAILED: {}", causes(failure)),
    }
    outcome
}

/// A line of the table: what was measured, and what came out for each client.
type Row = [String; 4];

fn side_by_side(fault: &str, ours: Vec<Figure>, theirs: Vec<Figure>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let row = |what: &str| [fault, what, "-", "-"].map(str::to_owned);
    for figure in ours {
        let [fault, what, _, theirs] = row(figure.what);
        rows.push([fault, what, figure.value, theirs]);
    }
    for figure in theirs {
        let same = rows.iter_mut().find(|[_, what, ..]| *what == figure.what);
        if let Some([.., theirs]) = same {
            *theirs = figure.value;
        } else {
            let [fault, what, ours, _] = row(figure.what);
            rows.push([fault, what, ours, figure.value]);
        }
    }
    rows
}

/// Prints the table as Markdown, to be recorded.
fn print_table(rows: &[Row]) {
    println!("\n| fault | measured | Rust | Python |\n|---|---|---|---|");
    let mut last = "";
    for [fault, what, ours, theirs] in rows {
        let name = if fault == last { "" } else { fault };
        println!("| {name} | {what} | {ours} | {theirs} |");
        last = fault;
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_one_kind_are_side_by_side() {
        let ours = vec![Figure::new("a", "1"), Figure::new("b", "2")];
        let theirs = vec![Figure::new("c", "4"), Figure::new("a", "3")];
        let rows = side_by_side("f", ours, theirs);
        let expected = [
            ["f", "a", "1", "3"],
            ["f", "b", "2", "-"],
            ["f", "c", "-", "4"],
        ];
        assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
    }
}
