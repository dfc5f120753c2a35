//! Measures one client of a thousand regions, and of clusters of up to ten thousand members: each in a
//! process of its own, for memory that one gave back would be taken for none by the next.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use casty_bench_harness::worker::runtime;
use casty_benches::Failure;
use casty_benches::process::{NodeProcess, Way};
use casty_benches::scale::{REGIONS, cluster, regions};

const USAGE: &str = "usage: casty-bench-scale [--quick] [regions | MEMBERS]";
/// Measurements of tells, of which the median counts.
const ROUNDS: usize = 9;
/// The sizes of clusters.
const MEMBERS: [u16; 3] = [100, 1_000, 10_000];

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let quick = args.iter().any(|arg| arg == "--quick");
    let part = args.iter().find(|arg| *arg != "--quick");
    match part.map(String::as_str) {
        None => all(quick),
        Some("regions") => print_regions(quick),
        Some(members) => print_cluster(members.parse().map_err(|_| USAGE)?, quick),
    }
}

fn all(quick: bool) -> Result<(), Failure> {
    part("regions", quick)?;
    println!(
        "\n| members, all but one of which refuse | ready after, ms | memory, MiB | of a core |"
    );
    println!("|---|---:|---:|---:|");
    for members in MEMBERS {
        part(&members.to_string(), quick)?;
    }
    Ok(())
}

/// Has another process of this program print a part.
fn part(name: &str, quick: bool) -> Result<(), Failure> {
    let mut part = Command::new(std::env::current_exe()?);
    part.arg(name).args(quick.then_some("--quick"));
    match part.status()? {
        status if status.success() => Ok(()),
        status => Err(format!("{name}: {status}").into()),
    }
}

fn print_regions(quick: bool) -> Result<(), Failure> {
    let rounds = if quick { 3 } else { ROUNDS };
    let node = NodeProcess::start("pickle", Way::Regions, Path::new(""))?;
    let many = runtime(0)?.block_on(regions(node.address(), rounds))?;
    let ratio = many.tell_all / many.tell_one;
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
    println!(
        "| CPU of a tell, entities of one region, ns | {:.0} |",
        many.tell_one
    );
    println!(
        "| the same, each of another region, ns | {:.0} |",
        many.tell_all
    );
    println!("| the latter over the former | {ratio:.2} |");
    Ok(())
}

fn print_cluster(members: u16, quick: bool) -> Result<(), Failure> {
    let span = Duration::from_secs(if quick { 4 } else { 16 });
    let found = runtime(0)?.block_on(cluster(members, span))?;
    println!(
        "| {members} | {:.1} | {:.1} | {:.3} |",
        micros(found.ready) / 1e3,
        kibibytes(found.bytes) / 1024.0,
        found.core,
    );
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
