//! The node in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use casty_proto::NodeAddress;

use crate::Failure;
use crate::options::codec_of;

/// A way in which a node is reached, or is not answered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Plain TCP.
    Tcp,
    /// Plain TCP, and no ask is answered.
    Mute,
    /// Plain TCP, and the node owns the shards of a thousand regions.
    Regions,
    /// Mutual TLS.
    Tls,
    /// QUIC.
    Quic,
}

impl Way {
    /// Returns the name on the node's command line.
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Mute => "mute",
            Self::Regions => "regions",
            Self::Tls => "tls",
            Self::Quic => "quic",
        }
    }
}

/// Returns the path of another program of this package, which lies beside the running one.
///
/// # Errors
/// The system does not tell where that is.
pub fn beside(program: &str) -> Result<PathBuf, Failure> {
    Ok(std::env::current_exe()?.with_file_name(program))
}

/// A node process; ends with its handle.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    address: NodeAddress,
}

impl NodeProcess {
    /// Starts `casty-bench-node`, which is expected beside the running program. `certificates` is
    /// a folder of them, where the way takes any.
    ///
    /// # Errors
    /// It is not there, or does not say where it listens.
    pub fn start(codec: &str, way: Way, certificates: &Path) -> Result<Self, Failure> {
        codec_of(codec)?;
        let program = beside("casty-bench-node")?;
        let mut command = Command::new(&program);
        command.arg(codec).arg(way.name());
        if let Way::Tls | Way::Quic = way {
            command.arg(certificates);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port = line.trim().parse()?;
        let address = NodeAddress::new("127.0.0.1", port);
        Ok(Self { child, address })
    }

    /// Returns the address that the node listens on.
    pub fn address(&self) -> &NodeAddress {
        &self.address
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
