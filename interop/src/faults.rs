//! Real faults on real nodes, each suffered once by the Rust client and once by casty's own
//! ClusterClient, and a table of both. `cargo xtask interop --faults` runs them.
//!
//! Both clients are processes of their own that obey the same orders, with defaults in all that
//! they are not told. What is asserted is asserted of the Rust client; Python's figures are
//! reported. `load` runs asks and numbered tells, `account` tells what became of these, `cutter` is a
//! road that can be cut; the other files are a fault each.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use casty_client::{ClusterClient, EntityRef};

use crate::app::GetNode;
use crate::cluster::{PythonCluster, SHARDS};
use crate::python::Installation;
use crate::scenario::Failure;
use crate::scenarios::{close, connect, entity_on_each_node};
use crate::serializer::Serializer;
use crate::suite::{causes, finished};

mod account;
mod connection_cut;
mod contacts_dead;
mod crowd;
mod cutter;
mod load;
mod node_paused;
mod order;
mod ours;
mod owner_declared_dead;
mod owner_killed;
mod owner_restarted;
mod subject;
mod subscribed_killed;

pub use ours::obey;

use order::REGION;
use subject::{Subject, Whose};

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
    Fault::new("connection cut mid-frame, 800 tells/s", |site| {
        Box::pin(connection_cut::run(site))
    }),
    Fault::new("contacts half dead", |site| {
        Box::pin(contacts_dead::run(site))
    }),
    Fault::new("many clients on one host", |site| {
        Box::pin(crowd::run(site))
    }),
];

/// How long a fault may take with one client.
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

/// Something that was measured.
struct Figure {
    what: &'static str,
    value: String,
    /// Whether it is as it must be.
    met: bool,
}

impl Figure {
    /// One that is only reported.
    fn new(what: &'static str, value: impl Into<String>) -> Self {
        Self::limited(what, value, true)
    }

    /// One of which `what` names the limit, and whether it is `met`.
    fn limited(what: &'static str, value: impl Into<String>, met: bool) -> Self {
        let value = value.into();
        Self { what, value, met }
    }
}

/// Where a fault happens: nodes and a client, to be made.
#[derive(Clone)]
struct Site {
    python: Installation,
    whose: Whose,
    label: String,
}

impl Site {
    /// A cluster that runs, of nodes that host [`REGION`] and write down what it receives.
    async fn cluster(&self, nodes: usize) -> Result<PythonCluster, Failure> {
        let cluster = PythonCluster::reserve(&self.python, Serializer::Pickle, nodes, &self.label)?;
        let mut cluster = cluster.hosting(&[REGION]).journaling()?;
        cluster.launch().await?;
        Ok(cluster)
    }

    /// A client to be measured, not connected.
    fn subject(&self) -> Result<Subject, Failure> {
        Subject::start(&self.python, self.whose)
    }

    /// A client to be measured beside it, to tell the machine's moods. It is always the Rust
    /// client: a second one of casty's would take the first one's connections.
    fn control(&self) -> Result<Subject, Failure> {
        Subject::start(&self.python, Whose::Rust)
    }
}

/// Entities on nodes, found by a client that has ended again.
async fn entities(cluster: &PythonCluster, prefix: &str) -> Result<Vec<String>, Failure> {
    let client = connect(cluster).await?;
    let found = found(&client, cluster, prefix).await;
    close(&client).await?;
    found
}

async fn found(
    client: &ClusterClient,
    cluster: &PythonCluster,
    prefix: &str,
) -> Result<Vec<String>, Failure> {
    let region = client.entity_ref(REGION, SHARDS)?;
    let found: Vec<EntityRef> = entity_on_each_node(cluster, &region, prefix).await?;
    Ok(found.iter().map(|entity| entity.id().to_owned()).collect())
}

/// Some entities and the index of the node on which each lives now, as far as they answer.
async fn whereabouts(cluster: &PythonCluster) -> Result<Vec<(String, usize)>, Failure> {
    let client = connect(cluster).await?;
    let region = client.entity_ref(REGION, SHARDS)?;
    let mut found = Vec::new();
    for number in 0..40 {
        let entity = region.entity(format!("here-{number}"));
        let ask = entity.ask::<_, String>(|reply_to| GetNode { reply_to });
        if let Ok(node) = ask.within(Duration::from_millis(500)).await {
            let index = node.trim_start_matches('n').parse()?;
            found.push((entity.id().to_owned(), index));
        }
    }
    close(&client).await?;
    Ok(found)
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
        let ours = suffer(fault, python, Whose::Rust).await;
        let theirs = suffer(fault, python, Whose::Python).await;
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

/// One client's figures. Ending the task kills its nodes.
async fn suffer(
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

/// As Markdown, to be recorded.
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

/// Seconds as text.
fn seconds(time: f64) -> String {
    if time < 1.0 {
        return format!("{:.0} ms", time * 1e3);
    }
    format!("{time:.2} s")
}

/// Seconds as text, or that it never was.
fn seconds_or(time: Option<f64>, never: &str) -> String {
    time.map_or_else(|| never.to_owned(), seconds)
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
