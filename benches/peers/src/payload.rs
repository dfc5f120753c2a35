//! The payload that all peers send and answer.

use casty_bench_harness::Failure;
use casty_bench_harness::load::Load;

/// The text that is sent and answered.
pub(crate) const PAYLOAD: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Returns the error for a load that a peer has no call for.
pub(crate) fn unknown(load: Load) -> Failure {
    format!("no such call for {load}").into()
}

/// Checks an answer.
pub(crate) fn check(answer: &[u8]) -> Result<(), Failure> {
    if answer.len() == PAYLOAD.len() {
        Ok(())
    } else {
        Err(format!("an answer of {} bytes", answer.len()).into())
    }
}
