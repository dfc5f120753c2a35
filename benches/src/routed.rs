//! The route table of a client whose one node owns all shards.

use std::sync::Arc;
use std::time::Instant;

use casty_proto::NodeAddress;
use casty_routing::{
    RegionId, Router, RouterConfig, RouterInput, RouterOutput, ShardCount, SharedTable, View,
};

use crate::Failure;
use crate::frames::REGION;
use crate::node::view;

/// The shards of the region.
pub const SHARDS: u32 = 1000;

/// Returns a table in which one node owns all shards of the region.
///
/// # Errors
/// The table lacks some.
pub fn table() -> Result<(SharedTable<Arc<NodeAddress>>, RegionId), Failure> {
    let node = NodeAddress::new("127.0.0.1", 25520);
    let mut router: Router<Arc<NodeAddress>, ()> = Router::new(RouterConfig::default(), 1);
    let region = router.register_region(REGION, ShardCount::try_from(SHARDS)?)?;
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
    match shared.load().listed() {
        listed if listed == SHARDS as usize => Ok((shared, region)),
        listed => Err(format!("the table lists {listed} of {SHARDS} shards").into()),
    }
}
