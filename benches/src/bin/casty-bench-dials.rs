//! Measures what it costs that all members refuse, and prints the table.

use std::process::ExitCode;
use std::time::Duration;

use casty_benches::Failure;
use casty_benches::dials::{Cost, client, engine};

fn main() -> ExitCode {
    let quick = std::env::args().skip(1).any(|arg| arg == "--quick");
    let span = Duration::from_secs(if quick { 5 } else { 30 });
    match run(span) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("casty-bench-dials: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(span: Duration) -> Result<(), Failure> {
    println!("| members that refuse | what | dials/s | % of a core | at most |");
    println!("|---|---|---|---|---|");
    for (members, most) in [(1_000, 3), (10_000, 30)] {
        line(
            members,
            "engine, simulated clock",
            engine(members, span),
            most,
        );
    }
    // A client connects no more than 1,024 members.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build()?;
    let measured = runtime.block_on(client(1_000, span))?;
    line(1_000, "whole client, over TCP", measured, 3);
    Ok(())
}

fn line(members: u16, what: &str, Cost { dials, core }: Cost, most: u8) {
    let dials = if dials.is_nan() {
        String::new()
    } else {
        format!("{dials:.0}")
    };
    let core = core * 100.0;
    println!("| {members} | {what} | {dials} | {core:.2} | {most} |");
}
