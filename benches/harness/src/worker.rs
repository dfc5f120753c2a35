//! A worker: a process with one sender, which obeys orders that come a line each on its standard
//! input, and answers each with a line on its standard output.
//!
//! All lines are JSON objects. The worker's first is `{"ready":{}}`, or `{"absent":"why"}` if it
//! cannot measure here, and then it ends. An order is `{"load":"c64","seconds":0.2}`, its answer
//! `{"sample":{...}}` or `{"failed":"why"}`. A worker ends when its input does, so that it never
//! outlives the process that started it.

use std::future::Future;
use std::io::{BufRead, Write};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use crate::Failure;
use crate::load::Load;
use crate::machine::processor_time;
use crate::sample::{Figures, Sample};

/// An order to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The load's name.
    pub load: String,
    /// The time to carry it, in seconds.
    pub seconds: f64,
}

/// A worker's line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// The worker takes orders.
    Ready {},
    /// It cannot measure on this machine, for this reason.
    Absent(String),
    /// The answer to an order.
    Sample(Figures),
    /// The order was not carried out, for this reason.
    Failed(String),
}

impl Said {
    /// Prints the line.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn print(&self) -> Result<(), Failure> {
        let mut line = serde_json::to_string(self)?;
        line.push('\n');
        let mut out = std::io::stdout().lock();
        out.write_all(line.as_bytes())?;
        Ok(out.flush()?)
    }
}

/// A sender of messages that is connected.
pub trait Sender: Send + 'static {
    /// Carries a load for `span`, on a task of the runtime.
    ///
    /// # Errors
    /// A message was not sent or not answered, or the sender does not know the load.
    fn carry(
        &mut self,
        load: Load,
        span: Duration,
    ) -> impl Future<Output = Result<Sample, Failure>> + Send;
}

/// Returns a runtime with so many workers; with none, one of the current thread.
///
/// # Errors
/// The system gives no threads or no descriptors.
pub fn runtime(workers: usize) -> Result<Runtime, Failure> {
    let mut builder = match workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    Ok(builder.enable_all().build()?)
}

/// Connects a sender, says that it is ready, and obeys orders until the input ends.
///
/// # Errors
/// It could not connect, or nobody reads what it says.
pub fn obey<S: Sender>(
    runtime: &Runtime,
    connect: impl Future<Output = Result<S, Failure>>,
) -> Result<(), Failure> {
    runtime.block_on(async {
        let mut sender = connect.await?;
        Said::Ready {}.print()?;
        let mut lines = input();
        while let Some(line) = lines.recv().await {
            let said = match serde_json::from_str(&line) {
                Ok(order) => {
                    let (back, outcome) = carry(sender, order).await?;
                    sender = back;
                    outcome.map_or_else(|error| Said::Failed(error.to_string()), Said::Sample)
                }
                Err(error) => Said::Failed(error.to_string()),
            };
            said.print()?;
        }
        Ok(())
    })
}

/// Has a task of the runtime carry the load, as a program's tasks send.
async fn carry<S: Sender>(
    mut sender: S,
    order: Order,
) -> Result<(S, Result<Figures, Failure>), Failure> {
    let (Ok(load), Ok(span)) = (
        order.load.parse::<Load>(),
        Duration::try_from_secs_f64(order.seconds),
    ) else {
        return Ok((sender, Err(format!("{order:?}: no order").into())));
    };
    let carrying = tokio::spawn(async move {
        let before = processor_time();
        let sample = sender.carry(load, span).await;
        let figures = sample.map(|sample| Figures::of(sample, before));
        (sender, figures)
    });
    Ok(carrying.await?)
}

/// Returns the lines of standard input, which a thread reads so that the runtime goes on.
fn input() -> mpsc::UnboundedReceiver<String> {
    let (lines, received) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    received
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_that_other_languages_write() {
        let order: Order = serde_json::from_str(r#"{"load":"c64","seconds":0.2}"#).unwrap();
        assert_eq!((&*order.load, order.seconds), ("c64", 0.2));
        let said = |said: &Said| serde_json::to_string(said).unwrap();
        assert_eq!(said(&Said::Ready {}), r#"{"ready":{}}"#);
        assert_eq!(said(&Said::Absent("x".into())), r#"{"absent":"x"}"#);
    }

    struct Twice;

    impl Sender for Twice {
        async fn carry(&mut self, load: Load, span: Duration) -> Result<Sample, Failure> {
            match load {
                Load::Ask(at_once) => Ok(Sample {
                    operations: u64::from(at_once) * 2,
                    elapsed: span,
                    latencies: vec![1000],
                }),
                _ => Err("asks only".into()),
            }
        }
    }

    #[test]
    fn an_order_that_cannot_be_carried_out_leaves_the_sender_in_place() {
        let runtime = runtime(0).unwrap();
        runtime.block_on(async {
            for (load, seconds, operations) in [
                ("tell", 1.0, None),
                ("x", 1.0, None),
                ("c1", -1.0, None),
                ("c7", 2.0, Some(14)),
            ] {
                let load = load.to_owned();
                let (_, outcome) = carry(Twice, Order { load, seconds }).await.unwrap();
                assert_eq!(outcome.ok().map(|it| it.operations), operations);
            }
        });
    }
}
