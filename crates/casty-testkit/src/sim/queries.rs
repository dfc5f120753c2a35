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
    /// By which connection each was put last, and when. Where the leader changes, the next one is
    /// asked at once, and so is the first when it leads again.
    put: BTreeMap<Place, (u64, Instant)>,
    /// When the last answer for a place comes to a client, if that is known. It may be one to an
    /// earlier question: nobody can tell.
    answered: BTreeMap<Place, Option<Instant>>,
}

/// A client, a region and a shard.
type Place = (Arc<str>, String, u32);

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
            let place = (Arc::clone(&seen.client), region.to_owned(), query.shard_id);
            let answer = self.answered.get(&place).copied();
            let Some((by, earlier)) = self.put.insert(place, (wire, at)) else {
                return Ok(());
            };
            let answered = answer.is_some_and(|came| came.is_none_or(|came| came >= earlier));
            return match at.duration_since(earlier) {
                pause if by == wire && pause < SOONEST && !seen.waited && !answered => {
                    Err(format!(
                        "{} asked twice within {pause:?} for {region}/{} on #{wire}",
                        seen.client, query.shard_id
                    ))
                }
                _ => Ok(()),
            };
        }
        if let Some(region) = seen.path.strip_prefix("/_proxy-")
            && let Some(location) = decode::<ShardLocation>(cluster, &seen.payload)
        {
            // Whichever connection the question went by.
            let place = (
                Arc::clone(&seen.client),
                region.to_owned(),
                location.shard_id,
            );
            self.put.remove(&place);
            self.answered.insert(place, seen.arrives);
        }
        Ok(())
    }
}

fn decode<T: DeserializeOwned>(cluster: &Cluster, payload: &[u8]) -> Option<T> {
    let (_, message) = Header::split(payload).ok()?;
    cluster.codec().decode(message, &Limits::default()).ok()
}
