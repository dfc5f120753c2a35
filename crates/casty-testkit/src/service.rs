//! Discoverable services: actors that clients find by a key.

use std::sync::Arc;

use casty_proto::{DecodeError, Limits};
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::node::outbound::Outbound;

type Handle = dyn Fn(&[u8], &Outbound) -> Result<(), DecodeError> + Send + Sync;
type Make = dyn Fn() -> Arc<Handle> + Send + Sync;

/// A service as it is configured: one instance on one node.
#[derive(Clone)]
pub(crate) struct ServicePlan {
    /// The name of its key, which is also that of its actor.
    pub(crate) key: Arc<str>,
    pub(crate) path: Arc<str>,
    pub(crate) node: usize,
    handle: Arc<Handle>,
    /// Makes a handle for each start of the node; `None` if it has no state.
    make: Option<Arc<Make>>,
}

impl ServicePlan {
    /// Plans a service on `node` whose messages `handle` handles.
    pub(crate) fn new<M: DeserializeOwned>(
        key: Arc<str>,
        node: usize,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        let path = format!("/{key}").into();
        let name = Arc::clone(&key);
        let handle = move |bytes: &[u8], node: &Outbound| {
            let message = node.codec().decode(bytes, &Limits::default())?;
            handle(message, &mut Context::new(node, &name));
            Ok(())
        };
        Self {
            key,
            path,
            node,
            handle: Arc::new(handle),
            make: None,
        }
    }

    /// Plans a service on `node` that has a state: `make` makes a function that handles its encoded
    /// messages for each start of the node.
    pub(crate) fn stateful<H>(
        key: Arc<str>,
        node: usize,
        make: impl Fn() -> H + Send + Sync + 'static,
    ) -> Self
    where
        H: Fn(&[u8], &Outbound) -> Result<(), DecodeError> + Send + Sync + 'static,
    {
        let make = move || -> Arc<Handle> { Arc::new(make()) };
        Self {
            path: format!("/{key}").into(),
            key,
            node,
            handle: make(),
            make: Some(Arc::new(make)),
        }
    }

    /// Returns the service of a node that starts.
    pub(crate) fn started(&self) -> Self {
        let mut started = self.clone();
        if let Some(make) = &self.make {
            started.handle = make();
        }
        started
    }

    /// Handles an encoded message.
    ///
    /// # Errors
    /// The message cannot be read.
    pub(crate) fn receive(&self, bytes: &[u8], node: &Outbound) -> Result<(), DecodeError> {
        (self.handle)(bytes, node)
    }
}
