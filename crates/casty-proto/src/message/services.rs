//! Messages of `casty.cluster.receptionist`: discoverable services.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ActorRef, FrozenSet, NodeAddress};

/// The path of the receptionist of every node.
pub const RECEPTIONIST_PATH: &str = "/_cluster/_receptionist";

/// The name of a service whose instances accept messages of type `M`.
#[derive(Serialize, Deserialize)]
#[serde(rename = "casty.cluster.receptionist.ServiceKey", bound = "")]
pub struct ServiceKey<M: ?Sized> {
    name: Arc<str>,
    #[serde(skip)]
    message: PhantomData<fn(&M)>,
}

impl<M: ?Sized> ServiceKey<M> {
    /// Returns the key named `name`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            message: PhantomData,
        }
    }

    /// Returns the name that services register under.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<M: ?Sized> Clone for ServiceKey<M> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.name))
    }
}

impl<M: ?Sized> fmt::Debug for ServiceKey<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceKey({:?})", self.name)
    }
}

impl<M: ?Sized> PartialEq for ServiceKey<M> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<M: ?Sized> Eq for ServiceKey<M> {}

impl<M: ?Sized> Hash for ServiceKey<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// A request to a receptionist for the instances of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.receptionist.Find", bound = "")]
pub struct Find<M: ?Sized> {
    /// The service.
    pub key: ServiceKey<M>,
    /// The actor that receives the listing.
    pub reply_to: ActorRef<Listing<M>>,
}

/// A request to a receptionist for the instances of a service, at once and whenever they change. Nodes
/// never end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.receptionist.Subscribe", bound = "")]
pub struct Subscribe<M: ?Sized> {
    /// The service.
    pub key: ServiceKey<M>,
    /// The actor that receives the listings.
    pub reply_to: ActorRef<Listing<M>>,
}

/// The registration of an actor of the receiving node as an instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.receptionist.Register", bound = "")]
pub struct Register<M: ?Sized> {
    /// The service.
    pub key: ServiceKey<M>,
    /// The actor.
    #[serde(rename = "ref")]
    pub actor: ActorRef<M>,
}

/// The end of a [registration](Register).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.receptionist.Deregister", bound = "")]
pub struct Deregister<M: ?Sized> {
    /// The service.
    pub key: ServiceKey<M>,
    /// The actor.
    #[serde(rename = "ref")]
    pub actor: ActorRef<M>,
}

/// The instances of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.receptionist.Listing", bound = "")]
pub struct Listing<M: ?Sized> {
    /// The service.
    pub key: ServiceKey<M>,
    /// Its instances, in no particular order.
    pub instances: FrozenSet<ServiceInstance<M>>,
}

/// One running instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.receptionist.ServiceInstance", bound = "")]
pub struct ServiceInstance<M: ?Sized> {
    /// The instance's actor.
    #[serde(rename = "ref")]
    pub actor: ActorRef<M>,
    /// The node that runs it.
    pub node: NodeAddress,
}
