//! Discoverable services, as the view of the cluster lists them.

use std::sync::Arc;

use casty_proto::message::ServiceKey;
use casty_proto::{ActorRef, ActorUri, NodeAddress};

use crate::client::bound_ref::BoundRef;
use crate::send::Core;

/// The instances of a service that the view listed at one moment, on nodes that it calls alive.
#[derive(Debug, Clone)]
pub struct Listing<M> {
    /// The service asked for.
    pub key: ServiceKey<M>,
    /// Its instances, by node and path.
    pub instances: Vec<Instance<M>>,
}

/// One running instance of a service, ready to be sent to.
#[derive(Debug, Clone)]
pub struct Instance<M> {
    /// The actor.
    pub actor: BoundRef<M>,
    /// The node that runs it.
    pub node: NodeAddress,
}

/// Looks a service up in the last view.
pub(crate) fn lookup<M>(core: &Arc<Core>, key: &ServiceKey<M>) -> Listing<M> {
    let view = core.view.borrow().clone();
    let entries = view.iter().flat_map(|view| view.live_services(key.name()));
    let instances = entries.map(|entry| {
        let node = Some((entry.node.host(), entry.node.port()));
        let uri = ActorUri {
            system: &core.system,
            node,
            path: &entry.path,
        }
        .to_raw();
        let actor = BoundRef::new(core, ActorRef::from_uri_unchecked(uri));
        Instance {
            actor,
            node: entry.node.clone(),
        }
    });
    Listing {
        key: key.clone(),
        instances: instances.collect(),
    }
}
