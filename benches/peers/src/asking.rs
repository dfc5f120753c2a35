//! The parts that all peers have: the payload, and tasks that ask again and again.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use casty_bench_harness::Failure;
use casty_bench_harness::load::Load;
use casty_bench_harness::sample::Sample;
use tokio::task::JoinSet;

/// The text that is sent and answered.
pub(crate) const PAYLOAD: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// With several asks in flight one in so many is timed, as for this client.
const TIMED: u64 = 16;

/// A client that can be shared between tasks.
pub(crate) trait Asker: Clone + Send + Sync + 'static {
    /// Sends the payload and awaits the answer.
    fn ask(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Runs one task for each ask in flight; each asks again and again until `span` is over.
pub(crate) async fn ask(asker: &impl Asker, tasks: u16, span: Duration) -> Result<Sample, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let timed = if tasks == 1 { 1 } else { TIMED };
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..tasks {
        asking.spawn(ask_until(asker.clone(), Arc::clone(&stop), timed));
    }
    tokio::time::sleep(span).await;
    stop.store(true, Ordering::Relaxed);
    let mut sample = Sample::default();
    while let Some(one) = asking.join_next().await {
        sample.join(one??);
    }
    sample.elapsed = begun.elapsed();
    Ok(sample)
}

async fn ask_until(
    mut asker: impl Asker,
    stop: Arc<AtomicBool>,
    timed: u64,
) -> Result<Sample, Failure> {
    let mut sample = Sample::default();
    while !stop.load(Ordering::Relaxed) {
        let begun = sample.operations.is_multiple_of(timed).then(Instant::now);
        asker.ask().await?;
        sample.operations += 1;
        if let Some(begun) = begun {
            sample.time(begun);
        }
    }
    Ok(sample)
}

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
