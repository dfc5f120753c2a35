//! Singletons: one entity on the node that leads.

use std::sync::Arc;

use casty_proto::{DecodeError, Limits};

use crate::context::Context;
use crate::entity::Entity;
use crate::node::handling::Handling;

/// A singleton as it is configured, the same on all nodes.
#[derive(Clone)]
pub(crate) struct SingletonPlan {
    pub(crate) name: Arc<str>,
    make: Arc<dyn Fn() -> Box<dyn Singleton> + Send + Sync>,
}

impl SingletonPlan {
    /// Plans a singleton that `make` makes on each node that comes to lead.
    pub(crate) fn new<E: Entity>(
        name: Arc<str>,
        make: impl Fn() -> E + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(make);
        let of = Arc::clone(&name);
        Self {
            name,
            make: Arc::new(move || {
                Box::new(Place {
                    name: Arc::clone(&of),
                    make: Arc::clone(&make),
                    entity: None,
                })
            }),
        }
    }

    /// Makes the place of one node for the singleton, which is not there yet.
    pub(crate) fn empty(&self) -> Box<dyn Singleton> {
        (self.make)()
    }
}

/// The place of a singleton on one node, whatever its type.
pub(crate) trait Singleton: Send {
    /// Hands an encoded message to the singleton, making that if need be.
    fn receive(&mut self, bytes: &[u8], node: Handling<'_>) -> Result<(), DecodeError>;

    /// Drops the singleton: another node leads.
    fn vacate(&mut self);
}

struct Place<E, F> {
    name: Arc<str>,
    make: Arc<F>,
    entity: Option<E>,
}

impl<E: Entity, F: Fn() -> E + Send + Sync> Singleton for Place<E, F> {
    fn receive(&mut self, bytes: &[u8], node: Handling<'_>) -> Result<(), DecodeError> {
        let message = node.codec().decode(bytes, &Limits::default())?;
        let mut context = Context::new(node, &self.name);
        let entity = self.entity.get_or_insert_with(|| (self.make)());
        entity.receive(message, &mut context);
        if context.is_stopped() {
            self.entity = None;
        }
        Ok(())
    }

    fn vacate(&mut self) {
        self.entity = None;
    }
}
