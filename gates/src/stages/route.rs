//! The look-up of a shard's owner.

use casty_benches::routed::{SHARDS, table};
use casty_routing::ShardId;

use crate::Failure;
use crate::meter::LeaveOut;

/// Looks owners of shards up in the table that a thread keeps.
pub(super) fn look_up(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    let (shared, region) = table()?;
    let mut cached = shared.cached();
    let (mut shard, mut found) = (0, 0);
    for _ in 0..messages {
        shard = (shard + 7) % SHARDS;
        let table = shared.refresh(&mut cached);
        let owner = table.owner(region, ShardId::new(shard));
        found += u32::from(owner.is_some_and(|owner| owner.port() > 0));
    }
    if found == messages {
        Ok(())
    } else {
        Err(format!("{found} of {messages} owners were found").into())
    }
}
