//! The external client of Casty actor clusters: one hop to the node that owns the shard.
