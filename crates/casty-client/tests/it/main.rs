//! The client against nodes that tests play by hand, frame by frame.

#![cfg(all(feature = "json", feature = "msgpack"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod acquires;
mod actor_ends;
mod actors;
mod actors_closing;
mod admin;
mod asking;
#[cfg(feature = "blocking")]
mod blocking;
mod bulk;
mod closing;
mod connections;
mod counts;
mod dead_members;
mod discovery;
mod failures;
mod fates;
mod health;
mod hold_times;
mod holds_at_close;
mod host;
mod hostile;
mod keeper;
mod leaders;
mod limits;
mod liveness;
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
mod node;
mod off_runtime;
mod other_versions;
mod refused_copies;
mod regions;
mod renewal;
mod rerouted_holds;
mod retries;
mod services;
mod set_members;
mod spans;
mod streams;
mod streams_given_up;
mod streams_produced;
mod structures;
mod supervised;
mod time;
#[cfg(feature = "tower")]
mod tower_service;
mod trace_contexts;
mod unanswerable;
mod unfinished_frames;
mod unsent;
mod views;
mod waiting;
