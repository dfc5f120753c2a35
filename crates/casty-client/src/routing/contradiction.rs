//! The telling of shard counts that contradict each other, in the log.

use casty_proto::Escaped;
use casty_routing::CountContradiction;

/// Logs what the view says against the shard count of a region, or that it says nothing any more.
pub(super) fn log_contradiction(region: &str, contradiction: Option<&CountContradiction>) {
    let region = Escaped::new(region);
    if let Some(found) = contradiction {
        let shards = found.count.get();
        tracing::warn!(
            %region,
            shards,
            "some program uses another shard count for the region: {found}"
        );
    } else {
        tracing::info!(
            %region,
            "no other shard count of the region is seen any more"
        );
    }
}
