//! The look-up of a shard's owner.

use std::sync::Arc;
use std::time::Instant;

use casty_benches::frames::REGION;
use casty_benches::node::view;
use casty_proto::NodeAddress;
use casty_routing::{
    RegionId, Router, RouterConfig, RouterInput, RouterOutput, ShardCount, ShardId, SharedTable,
    View,
};

use crate::Failure;
use crate::meter::LeaveOut;

const SHARDS: u32 = 1000;

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

/// Returns a table in which one node owns all shards.
fn table() -> Result<(SharedTable<Arc<NodeAddress>>, RegionId), Failure> {
    let node = NodeAddress::new("127.0.0.1", 25520);
    let mut router: Router<Arc<NodeAddress>, ()> = Router::new(RouterConfig::default(), 1);
    let count = ShardCount::new(SHARDS).ok_or("no shards")?;
    let region = router.register_region(REGION, count)?;
    let shared = SharedTable::new();
    let up = RouterInput::PeerUp {
        node: node.clone(),
        handle: Arc::new(node.clone()),
    };
    let view = Arc::new(View::from_snapshot(view(&node, SHARDS)));
    for input in [up, RouterInput::View(view)] {
        router.handle(Instant::now(), input);
        loop {
            match router.poll() {
                RouterOutput::Publish(table) => shared.store(table),
                RouterOutput::Wait(_) => break,
                _ => {}
            }
        }
    }
    Ok((shared, region))
}
