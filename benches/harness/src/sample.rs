//! The result of one measurement.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::figures::{P50, percentiles};
use crate::machine::{processor_time, resident};

/// A measurement while it goes on.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Asks answered or tells counted.
    pub operations: u64,
    /// In this time.
    pub elapsed: Duration,
    /// The durations of some of the asks, in nanoseconds.
    pub latencies: Vec<u64>,
}

impl Sample {
    /// Adds the time since `begun` to those of asks.
    pub fn time(&mut self, begun: Instant) {
        let took = begun.elapsed().as_nanos();
        self.latencies.push(u64::try_from(took).unwrap_or(u64::MAX));
    }

    /// Adds what another task measured in the same time.
    pub fn join(&mut self, other: Self) {
        self.operations += other.operations;
        self.latencies.extend(other.latencies);
    }
}

/// A measurement in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Asks answered or tells counted.
    pub operations: u64,
    /// In this time, in seconds.
    pub seconds: f64,
    /// The processor time of the sender's process, in seconds; zero where it is not told.
    pub processor_seconds: f64,
    /// The bytes of the sender's process that are in memory at the end; zero where it is not told.
    pub resident_bytes: u64,
    /// The [`PERMILLES`](crate::figures::PERMILLES) of asks' times in microseconds; none for tells.
    pub latency_microseconds: Vec<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Figures {
    /// Returns a sample in figures, given the processor time that this process had spent before.
    pub fn of(mut sample: Sample, spent_before: Duration) -> Self {
        let spent = processor_time().saturating_sub(spent_before);
        Self {
            operations: sample.operations,
            seconds: sample.elapsed.as_secs_f64(),
            processor_seconds: spent.as_secs_f64(),
            resident_bytes: resident(),
            latency_microseconds: percentiles(&mut sample.latencies),
        }
    }

    /// Returns the operations a second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    /// Returns the median of asks' times in microseconds; `None` for tells.
    pub fn p50(&self) -> Option<f64> {
        self.latency_microseconds.get(P50).copied()
    }

    /// Returns the processor time for an operation in nanoseconds.
    pub fn processor(&self) -> f64 {
        self.processor_seconds * 1e9 / (self.operations.max(1) as f64)
    }
}
