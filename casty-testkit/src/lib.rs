//! A Casty cluster of fake nodes in one process, for tests: kill, restart, move, partition, delay.
