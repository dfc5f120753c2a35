//! Queries for the owners of shards, as they are seen on the network.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::Limits;
use casty_proto::header::Header;
use casty_proto::message::{GetShardLocation, ShardLocation};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::network::Seen;
use super::world::World;
use crate::cluster::Cluster;

/// The time before which a query may not be put again, unless it was answered: half of the shortest
/// pause that clients make, less what frames wait for their turn.
const SOONEST: Duration = Duration::from_millis(200);

/// The queries that have no answer yet.
#[derive(Default)]
pub(super) struct Queries {
    /// The connection by which each was put last, and the time. Where the leader changes, the next
    /// one is asked at once, and so is the first when it leads again.
    put: BTreeMap<Place, (u64, Instant)>,
    /// The time at which the last answer for a place comes to a client, if that is known. It may be
    /// one to an earlier query: the two look the same.
    answered: BTreeMap<Place, Option<Instant>>,
}

/// A client, a region and a shard.
type Place = (Arc<str>, String, u32);

impl Queries {
    /// Takes in a query or an answer that was seen.
    ///
    /// # Errors
    /// It was a query too many.
    pub(super) fn take_in(&mut self, world: &World, seen: &Seen) -> Result<(), String> {
        let Some(cluster) = world.started() else {
            return Ok(());
        };
        let Seen { connection, at, .. } = *seen;
        if let Some(region) = seen.path.strip_prefix("/_coord-") {
            let Some(query) = decode::<GetShardLocation>(cluster, &seen.payload) else {
                return Ok(());
            };
            let place = (Arc::clone(&seen.client), region.to_owned(), query.shard_id);
            let answer = self.answered.get(&place).copied();
            let Some((by, earlier)) = self.put.insert(place, (connection, at)) else {
                return Ok(());
            };
            let answered = answer.is_some_and(|came| came.is_none_or(|came| came >= earlier));
            return match at.duration_since(earlier) {
                pause if by == connection && pause < SOONEST && !seen.waited && !answered => {
                    Err(format!(
                        "{} asked twice within {pause:?} for {region}/{} on #{connection}",
                        seen.client, query.shard_id
                    ))
                }
                _ => Ok(()),
            };
        }
        if let Some(region) = seen.path.strip_prefix("/_proxy-")
            && let Some(location) = decode::<ShardLocation>(cluster, &seen.payload)
        {
            // By whatever connection the query went.
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
