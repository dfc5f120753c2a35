//! A dead letter hook that sends, which makes dead letters in turn.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use casty_client::{ClientBuilder, ClusterClient, EntityRef};

use super::messages::{Message, REGION};
use super::oracle::{Note, Oracle};

/// The number of the first hook, as that of one who sends notes.
const HOOKS: u64 = 2_000;

/// The hook of one client.
#[derive(Clone)]
pub(super) struct Hook {
    number: u64,
    oracle: Arc<Oracle>,
    /// The entity that it tells, once the client is there.
    entity: Arc<OnceLock<EntityRef>>,
    told: Arc<AtomicU64>,
}

impl Hook {
    /// Makes the hook of the client of that number.
    pub(super) fn new(number: u64, oracle: &Arc<Oracle>) -> Self {
        Self {
            number: HOOKS + number,
            oracle: Arc::clone(oracle),
            entity: Arc::default(),
            told: Arc::default(),
        }
    }

    /// Gives a client this hook.
    pub(super) fn hang_on(&self, builder: ClientBuilder) -> ClientBuilder {
        let Self {
            number: worker,
            oracle,
            entity,
            told,
        } = self.clone();
        let hook = move |_: &_| {
            let Some(entity) = entity.get() else {
                return;
            };
            let number = told.fetch_add(1, Ordering::Relaxed);
            let message = Message::Note {
                worker,
                number,
                padding: String::new(),
            };
            if entity.tell(message).is_ok() {
                oracle.was_accepted(Note { worker, number });
            }
        };
        builder.on_dead_letter(hook)
    }

    /// Has the hook send through a client.
    ///
    /// # Errors
    /// There is no such region.
    pub(super) fn tell_through(&self, client: &ClusterClient, shards: u32) -> Result<(), String> {
        let region = client.entity_ref(REGION, shards);
        let region = region.map_err(|error| error.to_string())?;
        self.entity.set(region.entity("entity-0")).ok();
        Ok(())
    }
}
