//! Measures what it costs that all members refuse, and prints the table.

use std::process::ExitCode;
use std::time::Duration;

use casty_benches::Failure;
use casty_benches::dials::{Cost, client, engine, floor};

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
    let mut dials = 400.0;
    for (members, most) in [(10_000, 30), (1_000, 3)] {
        let measured = engine(members, span);
        dials = measured.dials;
        line(members, "engine, simulated clock", measured, most);
    }
    // A client connects no more than 1,024 members.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build()?;
    let measured = runtime.block_on(client(1_000, span))?;
    line(1_000, "whole client, over TCP", measured, 3);
    let measured = runtime.block_on(floor(1_000, dials, span));
    line(1_000, "the same dials alone, one by one", measured, 3);
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
