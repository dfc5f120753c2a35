//! Every serializer with every compression, each on a node of its own, as a table.

use std::time::{Duration, Instant};

use casty_proto::Compression;
use tokio::time::timeout;

use crate::cluster::PythonCluster;
use crate::error::Failure;
use crate::python::Installation;
use crate::scenarios::exchange;
use crate::serializer::Serializer;

/// The longest time that one combination may take, the start of its node included.
const DEADLINE: Duration = Duration::from_mins(1);

/// Runs all combinations; prints what fails as it does, and a line of the table for each
/// serializer. Whether all work.
pub async fn run(python: &Installation) -> bool {
    let none_and_all = || std::iter::once(None).chain(Compression::ALL.iter().copied().map(Some));
    let columns = none_and_all().map(|compression| compression.map_or("none", Compression::name));
    print_row("seconds", columns.map(str::to_owned));
    let mut all_work = true;
    for serializer in Serializer::ALL {
        let mut cells = Vec::new();
        for compression in none_and_all() {
            let begun = Instant::now();
            let outcome = combine(python, serializer, compression).await;
            cells.push(match outcome {
                Ok(()) => format!("{:.1}", begun.elapsed().as_secs_f64()),
                Err(failure) => {
                    all_work = false;
                    eprintln!("{serializer} with {compression:?}: {failure}");
                    "FAILED".to_owned()
                }
            });
        }
        print_row(serializer.name(), cells);
    }
    all_work
}

async fn combine(
    python: &Installation,
    serializer: Serializer,
    compression: Option<Compression>,
) -> Result<(), Failure> {
    let cluster = PythonCluster::reserve(python, serializer, 1, "matrix")?;
    timeout(DEADLINE, exchange(cluster.compressing(compression))).await?
}

fn print_row(name: &str, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().map(|cell| format!("{cell:>6}")).collect();
    println!("{name:11}  {}", cells.join("  "));
}
