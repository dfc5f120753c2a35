//! Actors by their path on a node.

use std::sync::Arc;

use casty_proto::{ActorRef, ActorUri, AddressError, NodeAddress};

use crate::client::ClusterClient;
use crate::client::bound_ref::BoundRef;
use crate::error::names::NameError;
use crate::send::Core;

/// A kind of actors that nodes spawn by a name, which they put behind a prefix.
pub(super) struct Named {
    pub(super) prefix: &'static str,
    /// The method that takes their names.
    pub(super) by_name: &'static str,
    /// The method that takes paths of the same nodes.
    pub(super) by_path: &'static str,
}

impl Named {
    /// Returns the path of the actor of that name.
    ///
    /// # Errors
    /// The name is empty, has a line break, or is a path.
    pub(super) fn path(&self, name: &str) -> Result<Arc<str>, NameError> {
        let path = name.trim_start_matches('/');
        if path.is_empty() || name.contains('\n') {
            return Err(NameError::Unusable(name.to_owned()));
        }
        if is_name(name) {
            return Ok(format!("/{}{name}", self.prefix).into());
        }
        let bare = path.strip_prefix(self.prefix).unwrap_or(path);
        let (call, argument) = if is_name(bare) {
            (self.by_name, bare.to_owned())
        } else {
            (self.by_path, format!("/{path}"))
        };
        Err(NameError::Path {
            name: name.to_owned(),
            call,
            argument,
        })
    }
}

/// Returns whether a text is a name, and no path.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('_') && !text.contains('/')
}

impl ClusterClient {
    /// Returns a reference to the actor at `path` of a node; a leading slash may be left out. Nothing is
    /// sent, and whether there is such an actor is not known: a node drops messages to paths where nobody
    /// listens without a word.
    ///
    /// # Errors
    /// The path is empty or has a line break, or the address is none to which messages can be sent.
    pub fn actor_on<M>(&self, node: &NodeAddress, path: &str) -> Result<BoundRef<M>, AddressError> {
        let path = checked(path)?;
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

/// Returns a path, with its leading slash.
///
/// # Errors
/// The path is empty or has a line break.
pub(super) fn checked(path: &str) -> Result<Arc<str>, AddressError> {
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.contains('\n') {
        return Err(AddressError::NoPath);
    }
    Ok(format!("/{path}").into())
}
