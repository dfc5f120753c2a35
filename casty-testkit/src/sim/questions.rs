//! Questions for the owners of shards, as they are seen on the network.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casty_proto::Limits;
use casty_proto::header::Header;
use casty_proto::message::{GetShardLocation, ShardLocation};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::world::World;
use crate::Cluster;

/// A question may not be put again sooner, unless it was answered: half of the shortest pause that
/// clients make, less what frames wait for their turn.
const SOONEST: Duration = Duration::from_millis(200);

/// A question or an answer on its way.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) client: Arc<str>,
    pub(super) wire: u64,
    pub(super) path: String,
    /// The payload of its frame.
    pub(super) payload: Bytes,
    pub(super) at: Instant,
    /// When it arrives; none: when the way is open again.
    pub(super) arrives: Option<Instant>,
    /// Whether the connection has ever been full: then frames wait, and times say nothing.
    pub(super) waited: bool,
}

/// The questions that have no answer yet.
#[derive(Default)]
pub(super) struct Questions {
    /// When each was put, by connection and place.
    put: BTreeMap<(u64, String, u32), Instant>,
    /// When the last answer for a place comes to a client, if that is known. It may be one to an
    /// earlier question: nobody can tell.
    answered: BTreeMap<(Arc<str>, String, u32), Option<Instant>>,
}

impl Questions {
    /// Takes in what was seen; an error if it was a question too many.
    pub(super) fn take_in(&mut self, world: &World, seen: &Seen) -> Result<(), String> {
        let Some(cluster) = world.started() else {
            return Ok(());
        };
        let Seen { wire, at, .. } = *seen;
        if let Some(region) = seen.path.strip_prefix("/_coord-") {
            let Some(query) = decode::<GetShardLocation>(cluster, &seen.payload) else {
                return Ok(());
            };
            let key = (wire, region.to_owned(), query.shard_id);
            let Some(earlier) = self.put.insert(key, at) else {
                return Ok(());
            };
            let key = (Arc::clone(&seen.client), region.to_owned(), query.shard_id);
            let answer = self.answered.get(&key);
            let answered = answer.is_some_and(|came| came.is_none_or(|came| came >= earlier));
            return match at.duration_since(earlier) {
                pause if pause < SOONEST && !seen.waited && !answered => Err(format!(
                    "{} asked twice within {pause:?} for {region}/{} on #{wire}",
                    seen.client, query.shard_id
                )),
                _ => Ok(()),
            };
        }
        if let Some(region) = seen.path.strip_prefix("/_proxy-")
            && let Some(location) = decode::<ShardLocation>(cluster, &seen.payload)
        {
            // Whichever connection the question went by.
            let (region, shard) = (region.to_owned(), location.shard_id);
            self.put
                .retain(|(_, of, number), _| (of, *number) != (&region, shard));
            let key = (Arc::clone(&seen.client), region, shard);
            self.answered.insert(key, seen.arrives);
        }
        Ok(())
    }
}

fn decode<T: DeserializeOwned>(cluster: &Cluster, payload: &[u8]) -> Option<T> {
    let (_, message) = Header::split(payload).ok()?;
    cluster.codec().decode(message, &Limits::default()).ok()
}
