//! Real nodes, each a Python process, and their faults.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{AddressMap, ClusterClient};
use casty_interop::cluster::{PythonCluster, SYSTEM};
use casty_interop::python::Installation;
use casty_interop::serializer::Serializer;
use tokio::time::sleep;

use crate::app::REGION;
use crate::error::Error;
use crate::load::Route;
use crate::relay::Relay;
use crate::run::Target;

/// The number of nodes: of three, casty 0.21.0 may take a dead one for alive again.
const NODES: usize = 2;

/// Shorter than it takes the others to call a node dead that hangs.
const HUNG: Duration = Duration::from_millis(700);

/// A cluster, dialled directly and through relays that can be cut.
pub(crate) struct Reals {
    cluster: PythonCluster,
    relays: Vec<Relay>,
}

impl Reals {
    /// Starts all nodes.
    pub(crate) async fn start(python: &Installation) -> Result<Self, Error> {
        let cluster = PythonCluster::reserve(python, Serializer::Pickle, NODES, "soak")?;
        let mut cluster = cluster.hosting(&[REGION]);
        cluster.launch().await?;
        let mut relays = Vec::new();
        for node in cluster.addresses() {
            relays.push(Relay::start(node).await?);
        }
        Ok(Self { cluster, relays })
    }

    fn route(&self, name: &'static str, lasting: usize, map: AddressMap) -> Route {
        let addresses = self.cluster.addresses().iter();
        let contacts: Vec<_> = addresses.map(ToString::to_string).collect();
        let codec = self.cluster.codec();
        Route {
            name,
            lasting,
            pause: Duration::from_millis(10),
            builder: Arc::new(move || {
                ClusterClient::builder(SYSTEM)
                    .contact_points(&contacts)
                    .codec(codec)
                    .address_map(map.clone())
            }),
        }
    }
}

impl Target for Reals {
    fn routes(&self) -> Vec<Route> {
        let relays = self.relays.iter().map(|relay| relay.at().clone());
        let nodes = self.cluster.addresses().iter().cloned();
        let relayed: HashMap<_, _> = nodes.zip(relays).collect();
        vec![
            self.route("direct", 2, AddressMap::default()),
            self.route("through relays", 1, relayed.into()),
        ]
    }

    const FAULTS: usize = 4;

    async fn fault(&mut self, kind: usize, round: usize) -> Result<&'static str, Error> {
        let node = (kind + round) % NODES;
        let what = match kind {
            0 => {
                self.relays.get(node).iter().for_each(|relay| relay.cut());
                "cut off"
            }
            1 => {
                self.cluster.restart(node).await?;
                "killed and started again"
            }
            2 => {
                self.cluster.hang(node)?;
                sleep(HUNG).await;
                self.cluster.resume(node)?;
                "hung and resumed"
            }
            _ => {
                self.relays.iter().for_each(Relay::cut);
                "cut off all at once"
            }
        };
        Ok(what)
    }

    async fn stop(self) -> Result<Vec<String>, Error> {
        self.cluster.stop().await?;
        Ok(Vec::new())
    }
}
