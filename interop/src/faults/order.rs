//! Orders to a client under test, a line of JSON each, and its answers.
//!
//! The same orders go to both clients, so they are measured alike. Points in time are seconds since
//! the epoch: both sides are processes of one machine.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The region that everything goes to.
pub(super) const REGION: &str = "log";

/// An order. All but `Connect` want a client that is connected.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Order {
    /// Starts clients and waits until each has a view. Answered with the seconds that took, or null
    /// if it was not in time.
    Connect(Connect),
    /// Begins to ask these entities in turn, one ask each so long, whatever became of the others.
    Ask {
        load: String,
        entities: Vec<String>,
        #[serde(with = "seconds")]
        every: Duration,
        #[serde(with = "seconds")]
        timeout: Duration,
    },
    /// Begins to tell this entity numbers from 0 on, one each so long.
    Tell {
        load: String,
        entity: String,
        #[serde(with = "seconds")]
        every: Duration,
    },
    /// Ends a load; asks under way count as not answered. Answered with [`Records`].
    Stop { load: String },
    /// Answered with what was [`Seen`].
    Views,
    /// Every client asks so many entities, the same as the others, all at the same time. Answered with a [`Burst`].
    Burst {
        asks: usize,
        #[serde(with = "seconds")]
        timeout: Duration,
    },
    /// Ends the clients in order. Answered with what is [`Known`], or null.
    Close,
}

/// Clients to be started, with defaults in everything else.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Connect {
    pub(super) system: String,
    pub(super) shards: u32,
    pub(super) contacts: Vec<String>,
    /// From the addresses of nodes to where they are dialled.
    pub(super) map: BTreeMap<String, String>,
    pub(super) clients: usize,
    #[serde(with = "seconds")]
    pub(super) within: Duration,
}

/// The answer to an order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Done(serde_json::Value),
    Failed(String),
}

/// The records of a load.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Records {
    pub(super) asks: Vec<Asked>,
    /// The time at which each number was told.
    pub(super) tells: Vec<f64>,
}

/// The time at which an ask began, and the seconds that it took to be answered, if it was.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Asked(pub(super) f64, pub(super) Option<f64>);

impl Asked {
    /// Returns the time at which it was answered.
    pub(super) fn answered(&self) -> Option<f64> {
        self.1.map(|took| self.0 + took)
    }
}

/// A view of the cluster that a client took.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) at: f64,
    pub(super) live: Vec<String>,
    /// The number of shards that each node owns.
    pub(super) owned: BTreeMap<String, u32>,
}

/// The numbers of asks of a burst that were answered and that failed, by error, and the seconds
/// that all took.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Burst {
    pub(super) answered: usize,
    pub(super) failed: BTreeMap<String, usize>,
    pub(super) took: f64,
}

/// The client's counters of its messages when it ends.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) accepted: u64,
    pub(super) written: u64,
    pub(super) not_sent: u64,
    pub(super) unknown: u64,
    /// Dead letters that were no asks.
    pub(super) tells_not_sent: usize,
    pub(super) tells_unknown: usize,
}

/// Returns the time, in seconds since the epoch.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

mod seconds {
    use super::{Deserialize, Duration};
    use serde::{Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}
