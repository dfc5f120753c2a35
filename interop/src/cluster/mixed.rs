//! Clusters in which one node is in Rust: the program of `examples/rust-node`.

use std::path::{Path, PathBuf};

use casty_proto::{Compression, NodeAddress};
use tokio::process::Command;

use super::{ClusterError, PythonCluster, SYSTEM, Start};

/// The place of a node's address among those of all nodes, of which the lowest leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The lowest.
    First,
    /// The highest.
    Last,
}

impl PythonCluster {
    /// Has the node of this index be the program `rust-node`, and the others allocate no shard by themselves:
    /// they would own all of them before the last has joined. To be called before [`Self::launch`].
    #[must_use]
    pub fn with_rust_node(mut self, index: usize, program: PathBuf) -> Self {
        self.rust = Some((index, program));
        self
    }

    /// Has nodes wait for so many members, and not for all, before they host anything. To be called before
    /// [`Self::launch`].
    #[must_use]
    pub(crate) fn awaiting(mut self, members: usize) -> Self {
        self.awaited = members;
        self
    }

    /// Has two nodes trade addresses, so that the one of this index has the address of that place. To be called
    /// before [`Self::launch`].
    #[must_use]
    pub fn ordered(mut self, index: usize, position: Position) -> Self {
        let other = match position {
            Position::First => self.leader(),
            Position::Last => self.follower(),
        };
        self.addresses.swap(index, other);
        self
    }

    /// Has the node of this index be known by a host name, which sorts behind all IP addresses. To be called
    /// before [`Self::launch`].
    #[must_use]
    pub(crate) fn named(mut self, index: usize, host: &str) -> Self {
        if let Some(address) = self.addresses.get_mut(index) {
            *address = NodeAddress::new(host, address.port());
        }
        self
    }

    /// Starts nodes in a cluster that runs, all at the same moment, with these as their seeds, and waits until
    /// they are ready.
    ///
    /// # Errors
    /// A node could not be started or was not ready in 60 s.
    pub(crate) async fn join_at_once(
        &mut self,
        indices: &[usize],
        seeds: &[usize],
    ) -> Result<(), ClusterError> {
        let seeds = seeds.iter().filter_map(|seed| self.addresses.get(*seed));
        let seeds: Vec<_> = seeds.cloned().collect();
        for index in indices {
            let node = self.spawn(*index, &seeds, Start::Cluster)?;
            self.put(*index, node);
        }
        for index in indices {
            self.ready(*index).await?;
        }
        Ok(())
    }

    /// Asks a node to end, and waits until it has; see [`Self::stop`].
    ///
    /// # Errors
    /// It had to be killed, or ended with a failure.
    pub(crate) async fn end(&mut self, index: usize) -> Result<(), ClusterError> {
        let Some(node) = self.take(index) else {
            return Err(ClusterError::NoSuchNode(index));
        };
        self.wait_for_end(index, node.told_to_end()).await
    }

    /// Returns the algorithm by which messages are compressed, if they are.
    pub(crate) fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Returns the numbers of the processes that run, by the index of their node.
    pub fn processes(&self) -> Vec<(usize, u32)> {
        let nodes = self.nodes.iter().enumerate();
        let running = nodes.filter_map(|(index, node)| Some((index, node.as_ref()?.id()?)));
        running.collect()
    }

    /// Returns the program of a node that is in Rust.
    pub(super) fn rust_program(&self, index: usize) -> Option<&Path> {
        let (at, program) = self.rust.as_ref()?;
        (*at == index).then_some(program)
    }

    pub(super) fn rust_command(
        &self,
        program: &Path,
        index: usize,
        (address, seeds): (&NodeAddress, &[NodeAddress]),
    ) -> Command {
        let mut command = Command::new(program);
        for (name, value) in [
            ("--system", SYSTEM.to_owned()),
            ("--listen", format!("127.0.0.1:{}", address.port())),
            ("--advertise", address.to_string()),
            ("--id", format!("n{index}")),
            ("--shards", self.shards.to_string()),
            ("--codec", self.serializer.to_string()),
        ] {
            command.args([name, &value]);
        }
        if let Some(compression) = self.compression {
            command.args(["--compression", compression.name()]);
        }
        for seed in seeds {
            command.arg("--seed").arg(seed.to_string());
        }
        command.arg("--attached");
        command
    }
}
