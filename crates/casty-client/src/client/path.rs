//! Actors by their path on a node.

use std::sync::Arc;

use casty_proto::{ActorRef, ActorUri, AddressError, NodeAddress};

use crate::client::ClusterClient;
use crate::client::bound_ref::BoundRef;
use crate::send::Core;

impl ClusterClient {
    /// Returns a reference to the actor at `path` of a node; a leading slash may be left out. Nothing is
    /// sent, and whether there is such an actor is not known: a node drops messages to paths where nobody
    /// listens without a word.
    ///
    /// # Errors
    /// The path is empty or has a line break, or the address is none to which messages can be sent.
    pub fn actor_on<M>(&self, node: &NodeAddress, path: &str) -> Result<BoundRef<M>, AddressError> {
        let path = checked("/", path)?;
        let actor = actor_at(self.core(), node, &path);
        actor.parts()?;
        Ok(BoundRef::new(self.core(), actor))
    }
}

/// Returns the reference to the actor at `path` of a node, unchecked.
pub(super) fn actor_at<M>(core: &Core, node: &NodeAddress, path: &str) -> ActorRef<M> {
    let uri = ActorUri {
        system: &core.system,
        node: Some((node.host(), node.port())),
        path,
    };
    ActorRef::from_uri_unchecked(uri.to_raw())
}

/// Returns the path of an actor whose name is behind a prefix.
///
/// # Errors
/// The name is empty or has a line break.
pub(super) fn checked(prefix: &str, name: &str) -> Result<Arc<str>, AddressError> {
    let name = if prefix == "/" {
        name.trim_start_matches('/')
    } else {
        name
    };
    if name.is_empty() || name.contains('\n') {
        return Err(AddressError::NoPath);
    }
    Ok(format!("{prefix}{name}").into())
}
