//! A service as its instances come and go.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use casty_proto::NodeAddress;
use casty_proto::message::{ServiceEntry, ServiceKey};
use casty_routing::View;
use tokio_stream::Stream;

use crate::client::ClusterClient;
use crate::client::services::{Listing, listing};
use crate::error::services::{LookupError, name_of};
use crate::error::{Closed, ReadyError};
use crate::runtime::clock;
use crate::send::Core;
use crate::topology::{self, Topology};

/// The listings of a service as they change, made by
/// [`ClusterClient::services`](crate::ClusterClient::services).
///
/// The first listing comes at once, or with the first view of the cluster, and each further one when
/// the live instances are others than before. Listings that came while nobody looked are skipped: the
/// next one is always the latest. Memory: one listing, however slow the reader is. Cost: each view is
/// compared with the one before, as far as this service goes.
///
/// It is a [`Stream`], which ends with the client. Listings that the stream and the methods here return
/// are counted together: each comes once.
///
/// An instance that ends on a node which lives on stays listed, for real nodes never take it out of
/// their registry; a [`Picker`](crate::Picker) sets such a one aside.
///
/// ```
/// # async fn example(client: &casty_client::ClusterClient) -> Result<(), casty_client::Closed> {
/// use casty_client::{ServiceKey, Value};
///
/// let mut greeters = client.services(&ServiceKey::<Value>::new("greeter"));
/// let two = greeters.wait_for(2).await?;
/// println!("greeted by {:?}", two.instances);
/// let others = greeters.changed().await?;
/// println!("now by {:?}", others.instances);
/// # Ok(())
/// # }
/// ```
pub struct Services<M> {
    core: Arc<Core>,
    key: ServiceKey<M>,
    topology: Topology,
    /// The live instances that were returned last.
    last: Option<Vec<ServiceEntry>>,
}

impl ClusterClient {
    /// Returns a stream of the listings of a service: the one there is, and then each that differs from
    /// the one before. A local matter: no node is asked.
    pub fn services<M>(&self, key: &ServiceKey<M>) -> Services<M> {
        Services {
            core: Arc::clone(self.core()),
            key: key.clone(),
            topology: self.topology(),
            last: None,
        }
    }

    /// Waits until a live node runs an instance of a service, at most for `within`, and returns the
    /// listing. [`Services::wait_for_within`] waits for several.
    ///
    /// # Errors
    /// No view came, or no instance is listed: with what was seen meanwhile.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn lookup_wait<M>(
        &self,
        key: &ServiceKey<M>,
        within: Duration,
    ) -> Result<Listing<M>, LookupError> {
        self.services(key).wait_for_within(1, within).await
    }
}

impl<M> Services<M> {
    /// Returns the key of the service.
    pub fn key(&self) -> &ServiceKey<M> {
        &self.key
    }

    /// Waits for a listing that this handle has not returned before. The first is the one that is there
    /// already, if a view has come.
    ///
    /// # Errors
    /// The client has ended.
    ///
    /// # Cancel safety
    /// No listing is lost.
    pub async fn changed(&mut self) -> Result<Listing<M>, Closed> {
        loop {
            let view = self.topology.changed().await?;
            if let Some(listing) = self.news(&view) {
                return Ok(listing);
            }
        }
    }

    /// Waits until at least `instances` instances are live, and returns the listing.
    ///
    /// # Errors
    /// The client has ended.
    ///
    /// # Cancel safety
    /// Safe: a listing of fewer instances that is still the latest is returned by [`changed`](Self::changed).
    pub async fn wait_for(&mut self, instances: usize) -> Result<Listing<M>, Closed> {
        let name = self.key.name();
        let wanted = |view: &View| view.live_services(name).count() >= instances;
        // What does not come up to the wish was not returned, and is news still.
        let view = self.topology.clone().wait_for(wanted).await?;
        Ok(self.take(&view))
    }

    /// Waits as [`wait_for`](Self::wait_for) does, at most for `within`.
    ///
    /// # Errors
    /// No view came, or too few instances are listed: with what was seen meanwhile.
    ///
    /// # Cancel safety
    /// That of [`wait_for`](Self::wait_for).
    pub async fn wait_for_within(
        &mut self,
        instances: usize,
        within: Duration,
    ) -> Result<Listing<M>, LookupError> {
        let deadline = clock::from_now(within);
        match topology::ready(&self.core, within).await {
            Ok(_) => {}
            Err(ReadyError::Closed) => return Err(LookupError::Closed),
            Err(source) => {
                let service = name_of(&self.key);
                return Err(LookupError::NotReady { service, source });
            }
        }
        let (name, mut most) = (self.key.name(), 0);
        let mut looking = self.topology.clone();
        let wanted = looking.wait_for(|view| {
            let live = view.live_services(name).count();
            most = most.max(live);
            live >= instances
        });
        match self.core.home.by(deadline, wanted).await {
            Some(Ok(view)) => Ok(self.take(&view)),
            Some(Err(Closed)) => Err(LookupError::Closed),
            None => Err(self.too_few((instances, most), within)),
        }
    }

    fn too_few(&self, (wanted, most): (usize, usize), after: Duration) -> LookupError {
        let view = self.topology.current().unwrap_or_default();
        let entries = view.services(self.key.name()).iter();
        let (dead, live): (Vec<NodeAddress>, Vec<_>) = entries
            .map(|entry| entry.node.clone())
            .partition(|node| view.avoids(node));
        LookupError::TooFew {
            service: name_of(&self.key),
            wanted,
            after,
            live,
            most,
            dead,
        }
    }

    /// Returns the listing of a view, if it is another than was returned last.
    fn news(&mut self, view: &View) -> Option<Listing<M>> {
        let same = self.last.as_ref().is_some_and(|last| {
            let live = view.live_services(self.key.name());
            live.eq(last)
        });
        (!same).then(|| self.take(view))
    }

    /// Returns the listing of a view, as the last one.
    fn take(&mut self, view: &View) -> Listing<M> {
        let live = view.live_services(self.key.name());
        self.last = Some(live.cloned().collect());
        listing(&self.core, &self.key, view)
    }
}

impl<M> Stream for Services<M> {
    type Item = Listing<M>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Listing<M>>> {
        let this = self.get_mut();
        loop {
            let Some(view) = ready!(Pin::new(&mut this.topology).poll_next(cx)) else {
                return Poll::Ready(None);
            };
            if let Some(listing) = this.news(&view) {
                return Poll::Ready(Some(listing));
            }
        }
    }
}

impl<M> fmt::Debug for Services<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
