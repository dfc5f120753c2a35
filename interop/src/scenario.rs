//! A scenario: a name, a deadline, and something that can fail.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::cluster::{ClusterError, PythonCluster};
use crate::python::Installation;
use crate::serializer::Serializer;
use crate::transport::Link;
use crate::version::{Feature, Version};

pub use crate::error::Failure;

/// The figures of a scenario that passed, for the table: "10000 of 10000 in order, 1.2 s".
pub type Figures = String;

/// A scenario under way.
pub type Running = Pin<Box<dyn Future<Output = Result<Figures, Failure>> + Send>>;

/// One thing that must work against real nodes.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// The behaviour that must work, as a sentence in snake case.
    pub name: &'static str,
    /// A run that takes longer has failed.
    pub deadline: Duration,
    /// Starts a run.
    pub run: fn(Context) -> Running,
    /// `true` if `--versions` runs it with every version of casty; else it is run with the reference alone.
    pub is_core: bool,
    /// The things that a version of casty must have.
    pub needs: &'static [Feature],
}

/// The reason for which a scenario does not do its work in a run: no failure, and told like one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LeftOut(pub String);

impl LeftOut {
    /// Leaves a scenario out, for this reason.
    ///
    /// # Errors
    /// Always, so that the scenario ends with it.
    pub fn because<T>(reason: impl Into<String>) -> Result<T, Failure> {
        Err(Self(reason.into()).into())
    }
}

impl Scenario {
    /// Creates a scenario that is given `seconds` for a run:
    ///
    /// ```
    /// use casty_interop::scenario::{Context, Failure, Figures, Scenario};
    ///
    /// const SCENARIO: Scenario = Scenario::new("nodes_come_up", 60, |context| Box::pin(come_up(context)));
    ///
    /// async fn come_up(context: Context) -> Result<Figures, Failure> {
    ///     let cluster = context.cluster().await?;
    ///     Ok(format!("{} nodes", cluster.addresses().len()))
    /// }
    /// ```
    pub const fn new(name: &'static str, seconds: u64, run: fn(Context) -> Running) -> Self {
        Self {
            name,
            deadline: Duration::from_secs(seconds),
            run,
            is_core: false,
            needs: &[],
        }
    }

    /// Has it be run with every version of casty.
    #[must_use]
    pub const fn core(self) -> Self {
        Self {
            is_core: true,
            ..self
        }
    }

    /// Leaves it out with versions of casty that lack any of these.
    #[must_use]
    pub const fn needs(self, needs: &'static [Feature]) -> Self {
        Self { needs, ..self }
    }
}

/// The environment of a scenario.
#[derive(Debug, Clone)]
pub struct Context {
    scenario: &'static str,
    python: Installation,
    serializer: Serializer,
    link: Link,
    shared: Arc<OnceCell<PythonCluster>>,
}

impl Context {
    pub(crate) fn new(python: Installation, serializer: Serializer, link: Link) -> Self {
        Self {
            scenario: "shared",
            python,
            serializer,
            link,
            shared: Arc::default(),
        }
    }

    pub(crate) fn of(&self, scenario: &'static str) -> Self {
        Self {
            scenario,
            ..self.clone()
        }
    }

    /// Returns three nodes that all scenarios of this serializer share, started on first use. A
    /// scenario leaves them running, and takes entity ids that no other takes.
    ///
    /// # Errors
    /// They could not be started.
    pub async fn cluster(&self) -> Result<&PythonCluster, ClusterError> {
        let own = self.of("shared");
        self.shared.get_or_try_init(|| own.own_cluster(3)).await
    }

    /// Nodes of this scenario's own, to be killed at will.
    ///
    /// # Errors
    /// They could not be started.
    pub async fn own_cluster(&self, nodes: usize) -> Result<PythonCluster, ClusterError> {
        let mut cluster = self.reserve(nodes).await?;
        cluster.launch().await?;
        Ok(cluster)
    }

    /// Addresses of nodes of this scenario's own that do not run yet. Their proxies do, if there
    /// are any.
    ///
    /// # Errors
    /// No free ports, or no proxies.
    pub async fn reserve(&self, nodes: usize) -> Result<PythonCluster, ClusterError> {
        let Self {
            python,
            serializer,
            link,
            scenario,
            ..
        } = self;
        let cluster = PythonCluster::reserve(python, *serializer, nodes, scenario)?;
        cluster.over(link).await
    }

    /// Returns the environment that nodes run in.
    pub fn python(&self) -> &Installation {
        &self.python
    }

    /// Returns the version of casty that nodes run with.
    pub fn version(&self) -> Version {
        self.python.version()
    }

    /// Returns the link that nodes are reached over in this run.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Returns the serializer of this run.
    pub fn serializer(&self) -> Serializer {
        self.serializer
    }
}
