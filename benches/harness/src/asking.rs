//! Tasks that ask again and again: a closed loop, the same for all senders.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Failure;
use crate::sample::Sample;

/// Reading the clock twice costs as much as a good part of an ask: with several asks in flight, one in so
/// many is timed.
const TIMED: u64 = 16;

/// A client's end of a task that asks.
pub trait Asker: Send + 'static {
    /// Asks once and awaits the answer.
    fn ask(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Runs a task for each of these, which asks again and again until `span` is over.
///
/// # Errors
/// An ask was not answered.
pub async fn ask<A: Asker>(
    askers: impl ExactSizeIterator<Item = A>,
    span: Duration,
) -> Result<Sample, Failure> {
    let timed = if askers.len() == 1 { 1 } else { TIMED };
    ask_timed(askers, timed, span).await
}

/// Runs tasks as [`ask`] does, and times one in `timed` asks of each.
///
/// # Errors
/// An ask was not answered.
pub async fn ask_timed<A: Asker>(
    askers: impl Iterator<Item = A>,
    timed: u64,
    span: Duration,
) -> Result<Sample, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for asker in askers {
        asking.spawn(ask_until(asker, Arc::clone(&stop), timed));
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

/// Runs so many tasks that share a client, as [`ask`] does.
///
/// # Errors
/// An ask was not answered.
pub async fn ask_shared<A: Asker + Clone>(
    asker: &A,
    tasks: u16,
    span: Duration,
) -> Result<Sample, Failure> {
    ask((0..tasks).map(|_| asker.clone()), span).await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::runtime;

    /// Answers at once for so many times.
    struct Answers(u64);

    impl Asker for Answers {
        async fn ask(&mut self) -> Result<(), Failure> {
            tokio::task::yield_now().await;
            self.0 = self.0.checked_sub(1).ok_or("no more answers")?;
            Ok(())
        }
    }

    fn asked(answers: &[u64]) -> Result<Sample, Failure> {
        let askers = answers.iter().map(|answers| Answers(*answers));
        runtime(0)?.block_on(ask(askers, Duration::from_millis(1)))
    }

    #[test]
    fn every_ask_is_timed_of_one_task_and_one_in_some_of_several() {
        let alone = asked(&[u64::MAX]).unwrap();
        assert!(alone.operations > 0 && alone.elapsed >= Duration::from_millis(1));
        assert_eq!(alone.latencies.len() as u64, alone.operations);
        let several = asked(&[u64::MAX; 3]).unwrap();
        let timed = several.latencies.len() as u64;
        assert!(timed < several.operations && timed * TIMED >= several.operations);
    }

    #[test]
    fn an_ask_without_an_answer_fails_the_sample() {
        asked(&[u64::MAX, 0]).unwrap_err();
    }
}
