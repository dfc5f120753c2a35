//! Discoverable services: actors that clients find by a key.

use std::sync::Arc;

use casty_proto::{DecodeError, Limits};
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::node::outbound::Outbound;

type Handle = dyn Fn(&[u8], &Outbound) -> Result<(), DecodeError> + Send + Sync;

/// A service as it is configured: one instance on one node.
#[derive(Clone)]
pub(crate) struct ServicePlan {
    /// The name of its key, which is also that of its actor.
    pub(crate) key: Arc<str>,
    pub(crate) path: Arc<str>,
    pub(crate) node: usize,
    handle: Arc<Handle>,
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
        }
    }

    /// Handles an encoded message.
    ///
    /// # Errors
    /// The message cannot be read.
    pub(crate) fn receive(&self, bytes: &[u8], node: &Outbound) -> Result<(), DecodeError> {
        (self.handle)(bytes, node)
    }
}
