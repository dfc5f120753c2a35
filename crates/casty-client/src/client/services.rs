//! Discoverable services, as the view of the cluster lists them.

use std::fmt;
use std::sync::Arc;

use casty_proto::message::{ServiceEntry, ServiceKey};
use casty_proto::{ActorRef, ActorUri, NodeAddress};
use casty_routing::View;

use crate::client::bound_ref::BoundRef;
use crate::send::Core;

pub(crate) mod following;
pub(crate) mod picker;

/// The instances of a service that the view listed at one moment, on nodes that it calls alive.
pub struct Listing<M> {
    /// The service asked for.
    pub key: ServiceKey<M>,
    /// Its instances, by node and path.
    pub instances: Vec<Instance<M>>,
}

/// One running instance of a service, ready to be sent to.
pub struct Instance<M> {
    /// The actor.
    pub actor: BoundRef<M>,
    /// The node that runs it.
    pub node: NodeAddress,
}

impl<M> Clone for Listing<M> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            instances: self.instances.clone(),
        }
    }
}

impl<M> fmt::Debug for Listing<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("key", &self.key)
            .field("instances", &self.instances)
            .finish()
    }
}

impl<M> Clone for Instance<M> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            node: self.node.clone(),
        }
    }
}

impl<M> fmt::Debug for Instance<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("actor", &self.actor)
            .field("node", &self.node)
            .finish()
    }
}

/// Looks a service up in the last view.
pub(crate) fn lookup<M>(core: &Arc<Core>, key: &ServiceKey<M>) -> Listing<M> {
    let view = core.view.borrow().clone();
    listing(core, key, &view.unwrap_or_default())
}

/// Returns the live instances that a view lists.
fn listing<M>(core: &Arc<Core>, key: &ServiceKey<M>, view: &View) -> Listing<M> {
    let entries = view.live_services(key.name());
    Listing {
        key: key.clone(),
        instances: entries.map(|entry| instance(core, entry)).collect(),
    }
}

/// Returns an instance as its user holds it.
fn instance<M>(core: &Arc<Core>, entry: &ServiceEntry) -> Instance<M> {
    let node = Some((entry.node.host(), entry.node.port()));
    let uri = ActorUri {
        system: &core.system,
        node,
        path: &entry.path,
    }
    .to_raw();
    Instance {
        actor: BoundRef::new(core, ActorRef::from_uri_unchecked(uri)),
        node: entry.node.clone(),
    }
}
