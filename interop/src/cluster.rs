//! Clusters of real nodes, each a Python process.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use casty_client::AddressMap;
use casty_proto::{Codec, Compression, NodeAddress};
use casty_transport::{ByteStream, DialError};
use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::proxy::QuicProxy;
use crate::python::Installation;
use crate::router::{NODES, Router};
use crate::serializer::Serializer;
use crate::transport::{Link, Transport};

mod error;
mod mixed;
mod process;

pub use error::ClusterError;
pub use mixed::Position;
pub(crate) use process::signal;
use process::{Node, log_file};

/// The actor system's name.
pub const SYSTEM: &str = "interop";

/// The number of shards of every region, unless a cluster is [divided](PythonCluster::divided)
/// otherwise.
pub const SHARDS: u32 = 100;

/// The longest time that a node may take to start, join, and see the cluster complete.
const STARTUP: Duration = Duration::from_mins(1);

/// The longest time that a node may take to end by itself.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// With nothing new for so long, a journal is taken to be complete.
const QUIET: Duration = Duration::from_millis(500);

/// A cluster whose nodes have addresses and may run.
///
/// Regions `counter`, `log`, `echo` and `sender` have all their shards allocated when the cluster
/// is started; region `fresh` has none, so that its first message asks the coordinator. Every node
/// offers the service `greeter`, the singleton `numbers`, the broadcast `witness` and the actor `asker`.
/// Node `i` has the id `n<i>`. What nodes log goes to `target/interop/logs`.
///
/// Dropping it kills every node by its process id. A node also ends by itself when its standard
/// input closes, so nodes do not even outlive a suite that was killed.
#[derive(Debug)]
pub struct PythonCluster {
    python: Installation,
    serializer: Serializer,
    compression: Option<Compression>,
    label: String,
    regions: String,
    structures: String,
    shards: u32,
    link: Link,
    journal: Option<PathBuf>,
    addresses: Vec<NodeAddress>,
    nodes: Vec<Option<Node>>,
    // The command in front of each node's, if any.
    inside: Vec<String>,
    // By the index of the node that each is in front of; none but over QUIC.
    proxies: Vec<QuicProxy>,
    // The index of the node that is in Rust, with its program.
    rust: Option<(usize, PathBuf)>,
    // The number of members that nodes wait for before they host anything.
    awaited: usize,
}

/// The start of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With its cluster.
    Cluster,
    /// In a cluster that runs.
    Again,
    /// The same, but not before it is told to.
    Standby,
}

/// A process that is to take the place of a node; see [`PythonCluster::standby`]. It ends when it
/// is dropped.
#[derive(Debug)]
pub struct Standby {
    index: usize,
    node: Node,
}

impl PythonCluster {
    /// Addresses of nodes that do not run yet; [`Self::launch`] starts them.
    ///
    /// # Errors
    /// No free ports.
    pub fn reserve(
        python: &Installation,
        serializer: Serializer,
        nodes: usize,
        label: &str,
    ) -> Result<Self, ClusterError> {
        Ok(Self {
            python: python.clone(),
            serializer,
            compression: None,
            label: format!("{label}-{serializer}"),
            regions: String::new(),
            structures: String::new(),
            shards: SHARDS,
            link: Link::tcp(),
            journal: None,
            addresses: free_addresses(nodes)?,
            nodes: (0..nodes).map(|_| None).collect(),
            inside: Vec::new(),
            proxies: Vec::new(),
            rust: None,
            awaited: nodes,
        })
    }

    /// Has the nodes run behind a router. To be called before [`Self::launch`].
    #[must_use]
    pub(crate) fn behind(mut self, router: &Router) -> Self {
        self.inside = router.inside();
        for address in &mut self.addresses {
            *address = NodeAddress::new(NODES.to_string(), address.port());
        }
        self
    }

    /// Has the nodes host these regions and no others. To be called before [`Self::launch`].
    ///
    /// A cluster whose nodes are killed had better host one region only: all regions share one
    /// allocation epoch, and when a node is down, each coordinator vacates its shards under the
    /// same next epoch, of which one region's is taken and the others' are thrown away.
    #[must_use]
    pub fn hosting(mut self, regions: &[&str]) -> Self {
        self.regions = regions.join(",");
        self
    }

    /// Has the nodes host these distributed structures, each `kind:name`, besides their regions, and
    /// allocate all their shards. To be called before [`Self::launch`].
    #[must_use]
    pub fn sharing(mut self, structures: &[&str]) -> Self {
        self.structures = structures.join(",");
        self
    }

    /// Has the nodes divide every region into this many shards. To be called before
    /// [`Self::launch`].
    #[must_use]
    pub fn divided(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// Has the nodes append what entities of the region `log` received to one file, a line a number
    /// behind the process that received it. To be called before [`Self::launch`].
    ///
    /// # Errors
    /// The file could not be emptied.
    pub fn journaling(mut self) -> Result<Self, ClusterError> {
        let path = self.log("journal");
        log_file(&path, false)?;
        self.journal = Some(path);
        Ok(self)
    }

    /// Returns the numbers that entities of the region `log` received so far, in the order in which
    /// they did; none unless the cluster is [`journaling`](Self::journaling).
    ///
    /// # Errors
    /// The file could not be read.
    pub fn journal(&self) -> Result<Vec<u32>, ClusterError> {
        let Some(path) = &self.journal else {
            return Ok(Vec::new());
        };
        let text = fs::read_to_string(path)?;
        let numbers = text.lines().filter_map(|line| line.split(' ').nth(1));
        Ok(numbers.filter_map(|number| number.parse().ok()).collect())
    }

    /// Returns the journal, once nothing more has been added to it for half a second.
    ///
    /// # Errors
    /// The file could not be read.
    pub async fn settled_journal(&self) -> Result<Vec<u32>, ClusterError> {
        let mut journal = self.journal()?;
        loop {
            sleep(QUIET).await;
            let longer = self.journal()?;
            if longer.len() == journal.len() {
                return Ok(journal);
            }
            journal = longer;
        }
    }

    /// Has the nodes compress messages. To be called before [`Self::launch`].
    #[must_use]
    pub fn compressing(mut self, compression: Option<Compression>) -> Self {
        self.compression = compression;
        self.label = format!("{}-{}", self.label, self.compression_name());
        self
    }

    /// Has the nodes be reached over this transport: with TLS they show certificates and require
    /// them, and with QUIC a `casty proxy` is started in front of each, which runs until the
    /// cluster is dropped, whatever becomes of its node. To be called before [`Self::launch`].
    ///
    /// # Errors
    /// A proxy could not be started.
    pub async fn over(mut self, link: &Link) -> Result<Self, ClusterError> {
        self.link = link.clone();
        self.label = format!("{}-{}", self.label, link.transport());
        self.proxies.clear();
        if let (Transport::Quic, Some(certificates)) = (link.transport(), link.certificates()) {
            for (index, node) in self.addresses.iter().enumerate() {
                let log = log_file(&self.log(&format!("proxy{index}")), false)?;
                let proxy = QuicProxy::start(node, certificates, log);
                self.proxies.push(proxy.await.map_err(ClusterError::Proxy)?);
            }
        }
        Ok(self)
    }

    /// Starts all nodes of a reserved cluster and waits until they are ready.
    ///
    /// # Errors
    /// A node could not be started or was not ready in 60 s.
    pub async fn launch(&mut self) -> Result<(), ClusterError> {
        let all: Vec<_> = (0..self.addresses.len()).collect();
        self.launch_in_order(&all).await
    }

    /// Starts these nodes, the first of which takes the others in, and waits until they are ready.
    ///
    /// # Errors
    /// A node could not be started or was not ready in 60 s.
    pub(crate) async fn launch_in_order(&mut self, order: &[usize]) -> Result<(), ClusterError> {
        let first = order.first().copied().unwrap_or_default();
        let seed = self
            .addresses
            .get(first..=first)
            .unwrap_or_default()
            .to_vec();
        for index in order {
            let seeds = if *index == first { &[][..] } else { &seed[..] };
            let mut node = self.spawn(*index, seeds, Start::Cluster)?;
            if *index == first {
                // The others join through it; dialled too early, it is avoided for 5 s.
                self.expect(*index, &mut node, "LISTENING").await?;
            }
            self.put(*index, node);
        }
        for index in order {
            self.ready(*index).await?;
        }
        Ok(())
    }

    /// Returns the canonical addresses, running or not.
    pub fn addresses(&self) -> &[NodeAddress] {
        &self.addresses
    }

    /// Returns the index of the node with the lowest address: it leads.
    pub fn leader(&self) -> usize {
        let all = self.addresses.iter().enumerate();
        all.min_by_key(|(_, node)| node.port()).map_or(0, first)
    }

    /// Returns the index of the node with the highest address: of several, it does not lead.
    pub fn follower(&self) -> usize {
        let all = self.addresses.iter().enumerate();
        all.max_by_key(|(_, node)| node.port()).map_or(0, first)
    }

    /// Returns the serializer that the nodes are configured with.
    pub fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// Returns the codec that a client of the cluster uses: the serializer's, compressed as the
    /// nodes do.
    pub fn codec(&self) -> Codec {
        let codec = self.serializer.codec();
        self.compression
            .map_or(codec, |compression| codec.compressed(compression))
    }

    /// Returns the link that the nodes are reached over.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Returns the address that each node is dialled at.
    pub fn address_map(&self) -> AddressMap {
        let proxies = self.proxies.iter().map(|proxy| proxy.at().clone());
        let table: HashMap<_, _> = self.addresses.iter().cloned().zip(proxies).collect();
        table.into()
    }

    /// Returns the arguments that tell the `casty` command of the cluster.
    pub fn flags(&self) -> String {
        let contacts = join(&self.addresses);
        let (codec, transport) = (self.serializer, self.link.transport());
        let shards = self.shards;
        let mut flags = format!(
            "--contact {contacts} --system {SYSTEM} --codec {codec} --shards {shards} --transport {transport}"
        );
        if let Some(certificates) = self.link.certificates() {
            for argument in certificates.arguments(certificates.client()) {
                flags = format!("{flags} {}", argument.display());
            }
        }
        for (node, proxy) in self.addresses.iter().zip(&self.proxies) {
            flags = format!("{flags} --address-map {node}={}", proxy.at());
        }
        flags
    }

    /// Returns the arguments of a command that knows no regions.
    pub fn flags_without_shards(&self) -> String {
        let shards = format!("--shards {} ", self.shards);
        self.flags().replace(&shards, "")
    }

    /// Opens a stream to a node, as a client dials it.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn dial(&self, node: &NodeAddress) -> Result<ByteStream, DialError> {
        let to = self.address_map().physical(node);
        self.link.client().build().dial(&to).await
    }

    fn compression_name(&self) -> &'static str {
        self.compression.map_or("none", Compression::name)
    }

    /// Kills a node (SIGKILL) and waits until it is gone. Nothing happens if it does not run.
    ///
    /// # Errors
    /// The process could not be signalled.
    pub async fn kill(&mut self, index: usize) -> Result<(), ClusterError> {
        let Some(mut node) = self.take(index) else {
            return Ok(());
        };
        node.kill().await.map_err(ClusterError::Process)
    }

    /// Stops a node (SIGSTOP): its connections stay, and it reads and sends nothing. Nothing happens
    /// if it does not run.
    ///
    /// # Errors
    /// The process could not be signalled.
    pub fn hang(&self, index: usize) -> Result<(), ClusterError> {
        self.signal(index, Signal::STOP)
    }

    /// Lets a node go on that [hangs](Self::hang).
    ///
    /// # Errors
    /// The process could not be signalled.
    pub fn resume(&self, index: usize) -> Result<(), ClusterError> {
        self.signal(index, Signal::CONT)
    }

    fn signal(&self, index: usize, signal: Signal) -> Result<(), ClusterError> {
        match self.nodes.get(index).and_then(Option::as_ref) {
            Some(node) => node.signal(signal).map_err(ClusterError::Process),
            None => Ok(()),
        }
    }

    /// Starts a node that was killed again, under the same address and id; the others are its
    /// seeds. Returns when it hosts its regions and the others see it as up again, after 1 to 3 s.
    ///
    /// # Errors
    /// It could not be started or was not ready in 60 s.
    pub async fn restart(&mut self, index: usize) -> Result<(), ClusterError> {
        self.kill(index).await?;
        let node = self.spawn(index, &self.others(index), Start::Again)?;
        self.put(index, node);
        self.ready(index).await
    }

    /// Starts a process that will take a node's place and has loaded all that it takes, so that it
    /// can be dialled tens of milliseconds after [`Self::replace`].
    ///
    /// # Errors
    /// It could not be started.
    pub async fn standby(&self, index: usize) -> Result<Standby, ClusterError> {
        let mut node = self.spawn(index, &self.others(index), Start::Standby)?;
        self.expect(index, &mut node, "STANDBY").await?;
        Ok(Standby { index, node })
    }

    /// Starts a standby in the place of its node, which is to be killed before. Returns when it
    /// can be dialled.
    ///
    /// # Errors
    /// It did not start.
    pub async fn replace(&mut self, standby: Standby) -> Result<(), ClusterError> {
        let Standby { index, mut node } = standby;
        node.begin().await.map_err(ClusterError::Process)?;
        self.expect(index, &mut node, "LISTENING").await?;
        self.put(index, node);
        Ok(())
    }

    /// Returns the addresses of the others.
    fn others(&self, index: usize) -> Vec<NodeAddress> {
        let all = self.addresses.iter().enumerate();
        let others = all.filter(|(other, _)| *other != index);
        others.map(|(_, node)| node.clone()).collect()
    }

    /// Asks all nodes to end and waits until they have; kills those that take longer than 5 s.
    ///
    /// # Errors
    /// A node had to be killed, or ended with a failure.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        let mut running = Vec::new();
        for (index, slot) in self.nodes.iter_mut().enumerate() {
            if let Some(node) = slot.take() {
                running.push((index, node.told_to_end()));
            }
        }
        let mut stuck = None;
        for (index, child) in running {
            stuck = self.wait_for_end(index, child).await.err().or(stuck);
        }
        stuck.map_or(Ok(()), Err)
    }

    async fn wait_for_end(&self, index: usize, mut child: Child) -> Result<(), ClusterError> {
        match timeout(SHUTDOWN, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            _ => Err(self.not_ready(index, "a clean end")),
        }
    }

    fn spawn(
        &self,
        index: usize,
        seeds: &[NodeAddress],
        start: Start,
    ) -> Result<Node, ClusterError> {
        let address = self
            .addresses
            .get(index)
            .ok_or(ClusterError::NoSuchNode(index))?;
        let mut command = match self.rust_program(index) {
            Some(program) => self.rust_command(program, index, (address, seeds)),
            None => self.python_command(index, (address, seeds), start),
        };
        if let (Transport::Tls, Some(files)) = (self.link.transport(), self.link.certificates()) {
            command.args(files.arguments(files.node()));
        }
        let log = self.log(&format!("n{index}"));
        command.stderr(log_file(&log, start != Start::Cluster)?);
        Node::start(&mut command).map_err(ClusterError::Process)
    }

    fn python_command(
        &self,
        index: usize,
        (address, seeds): (&NodeAddress, &[NodeAddress]),
        start: Start,
    ) -> Command {
        let mut command = match self.inside.split_first() {
            Some((program, arguments)) => {
                let mut inside = Command::new(program);
                inside.args(arguments).arg(self.python.interpreter());
                inside
            }
            None => Command::new(self.python.interpreter()),
        };
        command.arg("-B").arg(self.python.source("node.py"));
        for (name, value) in [
            ("--system", SYSTEM.to_owned()),
            ("--host", address.host().to_owned()),
            ("--port", address.port().to_string()),
            ("--node-id", format!("n{index}")),
            ("--nodes", self.awaited.to_string()),
            ("--shards", self.shards.to_string()),
            ("--serializer", self.serializer.to_string()),
            ("--compression", self.compression_name().to_owned()),
            ("--regions", self.regions.clone()),
            ("--structures", self.structures.clone()),
            ("--seeds", join(seeds)),
        ] {
            command.args([name, &value]);
        }
        if self.rust.is_some() {
            command.arg("--unallocated");
        }
        if let Some(journal) = &self.journal {
            command.arg("--journal").arg(journal);
        }
        match start {
            Start::Cluster => {}
            Start::Again => drop(command.arg("--rejoin")),
            Start::Standby => drop(command.args(["--rejoin", "--standby"])),
        }
        command
    }

    async fn ready(&mut self, index: usize) -> Result<(), ClusterError> {
        let mut node = self.take(index).ok_or(ClusterError::NoSuchNode(index))?;
        self.expect(index, &mut node, "READY").await?;
        self.put(index, node);
        Ok(())
    }

    /// Reads the node's standard output up to a line that begins with `word`.
    async fn expect(
        &self,
        index: usize,
        node: &mut Node,
        word: &'static str,
    ) -> Result<(), ClusterError> {
        match timeout(STARTUP, node.says(word)).await {
            Ok(true) => Ok(()),
            _ => Err(self.not_ready(index, word)),
        }
    }

    fn log(&self, process: &str) -> PathBuf {
        let name = format!("{}-{process}.log", self.label);
        self.python.log_folder().join(name)
    }

    fn not_ready(&self, index: usize, missed: &'static str) -> ClusterError {
        ClusterError::NotReady {
            index,
            missed,
            log: self.log(&format!("n{index}")),
        }
    }

    fn take(&mut self, index: usize) -> Option<Node> {
        self.nodes.get_mut(index)?.take()
    }

    fn put(&mut self, index: usize, node: Node) {
        if let Some(slot) = self.nodes.get_mut(index) {
            *slot = Some(node);
        }
    }
}

fn first<A, B>((index, _): (A, B)) -> A {
    index
}

/// Ports that are free now: all are bound before any is let go, so they differ.
fn free_addresses(count: usize) -> io::Result<Vec<NodeAddress>> {
    let bound: Vec<_> = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<io::Result<_>>()?;
    bound
        .iter()
        .map(|listener| Ok(NodeAddress::new("127.0.0.1", listener.local_addr()?.port())))
        .collect()
}

fn join(addresses: &[NodeAddress]) -> String {
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_addresses_differ() {
        let addresses = free_addresses(5).unwrap();
        let mut ports: Vec<_> = addresses.iter().map(NodeAddress::port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 5);
    }
}
