//! Actors at a path of a node: plain ones, discoverable services, those of a broadcast.

use std::sync::Arc;

use casty_proto::{DecodeError, Limits};
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::node::handling::Handling;

type Handle = dyn Fn(&[u8], Handling<'_>) -> Result<(), DecodeError> + Send + Sync;
type Make = dyn Fn() -> Arc<Handle> + Send + Sync;

/// An actor as it is configured.
#[derive(Clone)]
pub(crate) struct ActorPlan {
    pub(crate) path: Arc<str>,
    /// The key under which it is registered; `None` if it is no service.
    pub(crate) key: Option<Arc<str>>,
    /// The number under which the node is configured that runs it; `None` for all nodes.
    pub(crate) node: Option<usize>,
    handle: Arc<Handle>,
    /// Makes a handle for each start of the node; `None` if it has no state.
    make: Option<Arc<Make>>,
}

impl ActorPlan {
    /// Plans an actor of all nodes whose messages `handle` handles; in its context it has that name.
    pub(crate) fn new<M: DeserializeOwned>(
        path: String,
        name: Arc<str>,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        let handle = move |bytes: &[u8], node: Handling<'_>| {
            let message = node.codec().decode(bytes, &Limits::default())?;
            handle(message, &mut Context::new(node, &name));
            Ok(())
        };
        Self {
            path: path.into(),
            key: None,
            node: None,
            handle: Arc::new(handle),
            make: None,
        }
    }

    /// Plans a service on `node`, whose actor has the name of its key.
    pub(crate) fn service<M: DeserializeOwned>(
        node: usize,
        key: Arc<str>,
        handle: impl Fn(M, &mut Context<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            node: Some(node),
            key: Some(Arc::clone(&key)),
            ..Self::new(format!("/{key}"), key, handle)
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
        H: Fn(&[u8], Handling<'_>) -> Result<(), DecodeError> + Send + Sync + 'static,
    {
        let make = move || -> Arc<Handle> { Arc::new(make()) };
        Self {
            path: format!("/{key}").into(),
            key: Some(key),
            node: Some(node),
            handle: make(),
            make: Some(Arc::new(make)),
        }
    }

    /// Returns the actor of a node that starts.
    pub(crate) fn started(&self) -> Self {
        let mut started = self.clone();
        if let Some(make) = &self.make {
            started.handle = make();
        }
        started
    }

    /// Returns whether a node that is configured under this number runs it.
    pub(crate) fn runs_on(&self, node: usize) -> bool {
        self.node.is_none_or(|it| it == node)
    }

    /// Handles an encoded message.
    ///
    /// # Errors
    /// The message cannot be read.
    pub(crate) fn receive(&self, bytes: &[u8], node: Handling<'_>) -> Result<(), DecodeError> {
        (self.handle)(bytes, node)
    }
}
