//! One measurement: who sends what, and what came of it.

use std::fmt;
use std::time::Duration;

use crate::figures;

/// A kind of messages to send, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// As many asks in flight at once.
    Ask(u16),
    /// Tells, one after the other, until the node has counted them all.
    Tell,
}

/// All loads, as they are measured.
pub const LOADS: [Load; 4] = [Load::Ask(1), Load::Ask(64), Load::Ask(512), Load::Tell];

/// A sender of messages, and the runtime that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The bare loop on a current-thread runtime: what all ratios are to.
    Floor,
    /// The bare loop on a runtime with two workers.
    FloorTwoWorkers,
    /// The whole client on a current-thread runtime.
    Client,
    /// The whole client on a runtime with two workers.
    ClientTwoWorkers,
}

/// All senders, as they are measured.
pub const SENDERS: [Sender; 4] = [
    Sender::Floor,
    Sender::Client,
    Sender::FloorTwoWorkers,
    Sender::ClientTwoWorkers,
];

/// The result of one measurement.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Asks answered or tells counted.
    pub operations: u64,
    /// In this time.
    pub elapsed: Duration,
    /// The processor time of this process, the node's not included; zero where it is not told.
    pub processor: Duration,
    /// The durations of some of the asks, in nanoseconds.
    pub latencies: Vec<u64>,
}

/// A sample in figures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Asks answered or tells counted.
    pub operations: u64,
    /// Operations a second.
    pub rate: f64,
    /// Median and 99th percentile of an ask's time in microseconds; none for tells.
    pub latency: Option<(f64, f64)>,
    /// Processor time for each operation in nanoseconds, of all threads of this process.
    pub processor: f64,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Sample {
    /// Returns the sample in figures.
    pub fn figures(mut self) -> Figures {
        let operations = self.operations as f64;
        let latency = figures::percentiles(&mut self.latencies);
        Figures {
            operations: self.operations,
            rate: operations / self.elapsed.as_secs_f64(),
            latency: latency.map(|(p50, p99)| (p50 as f64 / 1e3, p99 as f64 / 1e3)),
            processor: self.processor.as_nanos() as f64 / operations.max(1.0),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(at_once) => write!(f, "ask c={at_once}"),
            Self::Tell => f.write_str("tell"),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "floor",
            Self::FloorTwoWorkers => "floor, 2 workers",
            Self::Client => "client",
            Self::ClientTwoWorkers => "client, 2 workers",
        })
    }
}
