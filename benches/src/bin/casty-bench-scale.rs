//! Measures one client of a thousand regions, and of clusters of up to ten thousand members.

use std::path::Path;
use std::time::Duration;

use casty_bench_harness::worker::runtime;
use casty_benches::Failure;
use casty_benches::process::{NodeProcess, Way};
use casty_benches::scale::{REGIONS, cluster, regions};

/// Measurements of tells, of which the median counts.
const ROUNDS: usize = 9;

fn main() -> Result<(), Failure> {
    let quick = std::env::args().skip(1).any(|arg| arg == "--quick");
    let runtime = runtime(0)?;
    let rounds = if quick { 3 } else { ROUNDS };
    let node = NodeProcess::start("pickle", Way::Regions, Path::new(""))?;
    let many = runtime.block_on(regions(node.address(), rounds))?;
    println!("| {REGIONS} regions of one client | |\n|---|---:|");
    println!(
        "| first `region()` of a name, us | {:.1} |",
        micros(many.first)
    );
    println!("| the longest of them, us | {:.1} |", micros(many.longest));
    println!(
        "| `region()` of the same name again, us | {:.2} |",
        micros(many.again)
    );
    println!("| memory for each, KiB | {:.1} |", kibibytes(many.bytes));
    let Some(ratio) = Some(many.tell_all / many.tell_one).filter(|ratio| ratio.is_finite()) else {
        return Err("nothing was told".into());
    };
    println!(
        "| CPU of a tell, entities of one region, ns | {:.0} |",
        many.tell_one
    );
    println!(
        "| the same, each of another region, ns | {:.0} ({ratio:.2}) |",
        many.tell_all
    );
    let span = Duration::from_secs(if quick { 4 } else { 16 });
    println!(
        "\n| members, all but one of which refuse | ready after, ms | memory, MiB | of a core |"
    );
    println!("|---|---:|---:|---:|");
    for members in [100, 1_000, 10_000] {
        let found = runtime.block_on(cluster(members, span))?;
        println!(
            "| {members} | {:.1} | {:.1} | {:.3} |",
            micros(found.ready) / 1e3,
            kibibytes(found.bytes) / 1024.0,
            found.core,
        );
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
