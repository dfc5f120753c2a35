//! Casty's routing engine: shards, views, route table, subscription and coordinator, without I/O or clock.
