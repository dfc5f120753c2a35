//! The reading of a client's counters, once a second.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Label, SharedString};

use super::table::{self, ASK_DURATION, Kind, Metric, Read, SYSTEM, Sample};
use crate::health::watching::health;
use crate::send::Core;

/// The time between two readings.
const PERIOD: Duration = Duration::from_secs(1);

/// A metric that is kept up to date, and what was told of it.
enum Kept {
    Counter {
        counter: Counter,
        read: Read,
        told: u64,
    },
    Level {
        gauge: Gauge,
        read: Read,
        told: u64,
    },
    Latest {
        gauge: Gauge,
        read: fn(&Sample) -> Option<f64>,
    },
}

/// The handles of one client's metrics. Its gauges are taken back when it is dropped.
pub(crate) struct Sampler {
    core: Arc<Core>,
    kept: Vec<Kept>,
}

impl Sampler {
    /// Describes the metrics, and takes a handle of each from the recorder there is.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let system: SharedString = core.system.to_string().into();
        let kept = table::all().filter_map(|metric| {
            describe(&metric);
            let mut labels = vec![Label::new(SYSTEM, system.clone())];
            labels.extend(metric.label.map(|(label, value)| Label::new(label, value)));
            let name = metric.name;
            match metric.kind {
                Kind::Counter(read) => Some(Kept::Counter {
                    counter: metrics::counter!(name, labels),
                    read,
                    told: 0,
                }),
                Kind::Level(read) => Some(Kept::Level {
                    gauge: metrics::gauge!(name, labels),
                    read,
                    told: 0,
                }),
                Kind::Latest(read) => Some(Kept::Latest {
                    gauge: metrics::gauge!(name, labels),
                    read,
                }),
                Kind::Asks | Kind::Times => None,
            }
        });
        let kept = kept.collect();
        Self { core, kept }
    }

    /// Reads once a second, for ever.
    ///
    /// # Cancel safety
    /// Safe: what was not read is read by the next call, or at the end.
    pub(crate) async fn run(&mut self) {
        loop {
            self.read();
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Tells the recorder what has changed since the last reading.
    fn read(&mut self) {
        self.core.latencies.tell();
        let view = self.core.view.borrow().clone();
        let stats = self.core.stats();
        let sample = Sample {
            health: health(&self.core, &stats),
            stats,
            counts: self.core.metric_counts(),
            epoch: view.map(|view| view.version().epoch),
        };
        for kept in &mut self.kept {
            match kept {
                Kept::Counter {
                    counter,
                    read,
                    told,
                } => {
                    let now = read.of(&sample);
                    // While messages move, one may be between two counters and seem to be gone.
                    let more = now.saturating_sub(*told);
                    *told += more;
                    counter.increment(more);
                }
                Kept::Level { gauge, read, told } => {
                    let now = read.of(&sample);
                    change(gauge, *told, now);
                    *told = now;
                }
                Kept::Latest { gauge, read } => {
                    if let Some(now) = read(&sample) {
                        gauge.set(now);
                    }
                }
            }
        }
    }
}

impl Drop for Sampler {
    /// Tells the last counts, and that nothing is left of the client.
    fn drop(&mut self) {
        self.read();
        for kept in &mut self.kept {
            match kept {
                Kept::Counter { .. } => {}
                Kept::Level { gauge, told, .. } => change(gauge, std::mem::take(told), 0),
                // Another client of the system sets it again within a second.
                Kept::Latest { gauge, .. } => gauge.set(0.0),
            }
        }
    }
}

/// Adds the difference to a level that other clients of the program may have a part in.
#[expect(clippy::cast_precision_loss, reason = "no level comes near 2^53")]
fn change(gauge: &Gauge, from: u64, to: u64) {
    if to >= from {
        gauge.increment((to - from) as f64);
    } else {
        gauge.decrement((from - to) as f64);
    }
}

/// Describes a metric to the recorder.
fn describe(metric: &Metric) {
    let Metric {
        name, unit, help, ..
    } = metric;
    match metric.kind {
        Kind::Counter(_) | Kind::Asks => metrics::describe_counter!(*name, *unit, *help),
        Kind::Level(_) | Kind::Latest(_) => metrics::describe_gauge!(*name, *unit, *help),
        Kind::Times => metrics::describe_histogram!(ASK_DURATION, *unit, *help),
    }
}
