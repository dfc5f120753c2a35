//! Carries messages through a stage, under callgrind, which is told to leave [`left_out`] out.

use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    match casty_gates::count(std::env::args().skip(1), left_out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("casty-gates-instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is not to be counted. Found by its name.
#[inline(never)]
fn left_out(run: &mut dyn FnMut()) {
    run();
    // Something behind the call, or it would be a jump.
    black_box(run);
}
