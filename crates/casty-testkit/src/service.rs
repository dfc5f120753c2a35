//! Discoverable services: actors that clients find by a key.

use std::sync::Arc;

use casty_proto::{DecodeError, Limits};
use serde::de::DeserializeOwned;

use crate::Context;
use crate::node::Node;

type Handle = dyn Fn(&[u8], &Node) -> Result<(), DecodeError> + Send + Sync;

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
    /// A service on `node` whose messages `handle` handles.
    pub(crate) fn new<M: DeserializeOwned>(
        key: Arc<str>,
        node: usize,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        let path = format!("/{key}").into();
        let name = Arc::clone(&key);
        let handle = move |bytes: &[u8], node: &Node| {
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

    /// Hands it an encoded message.
    pub(crate) fn receive(&self, bytes: &[u8], node: &Node) -> Result<(), DecodeError> {
        (self.handle)(bytes, node)
    }
}
