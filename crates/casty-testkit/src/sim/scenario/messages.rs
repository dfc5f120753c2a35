//! The messages of the scenario, and the names that clients use.
//!
//! The names on the wire are older than those in the code: the digests of logs cover the frames,
//! and can be compared with earlier ones for as long as the names stay.

use casty_proto::ActorRef;
use serde::{Deserialize, Serialize};

/// The region that all entities belong to.
pub(super) const REGION: &str = "talk";
/// The service that runs on every node.
pub(super) const SERVICE: &str = "echo";

/// A message of a client to an entity or a service.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    #[serde(rename = "proof.Note")]
    Note {
        /// The worker that sends it.
        #[serde(rename = "talker")]
        worker: u64,
        /// The place among all notes of that worker.
        number: u64,
        padding: String,
    },
    #[serde(rename = "proof.Echo")]
    Echo { token: u64, reply_to: ActorRef<u64> },
    /// An entity is told of a client's actor.
    #[serde(rename = "proof.Follow")]
    Follow { inbox: u64, to: ActorRef<Event> },
    /// An entity is to send to a client's actor that it was told of.
    #[serde(rename = "proof.Stir")]
    Stir {
        inbox: u64,
        count: u64,
        /// The asker that wants to know the number of the last event.
        reply_to: Option<ActorRef<u64>>,
    },
}

/// A message of an entity to an actor of a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename = "proof.Event")]
pub(super) struct Event {
    /// The number of the client whose actor it is for.
    pub(super) inbox: u64,
    /// The life of the entity that sent it.
    pub(super) life: u64,
    /// The place among all events of the world.
    pub(super) number: u64,
}
