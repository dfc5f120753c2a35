//! Carries messages through a stage, and prints how many allocations that took.

use std::process::ExitCode;

use allocation_counter::{measure, opt_out};
use casty_gates::{Failure, count};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let lists = args.is_empty();
    let mut done: Result<(), Failure> = Ok(());
    let counted = measure(|| done = count(args, |run| opt_out(run)));
    match done {
        Ok(()) if lists => ExitCode::SUCCESS,
        Ok(()) => {
            println!("{}", counted.count_total);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("casty-gates-allocations: {error}");
            ExitCode::FAILURE
        }
    }
}
