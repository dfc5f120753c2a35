//! The node in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use casty_proto::NodeAddress;

use crate::Failure;
use crate::options::codec_of;

/// A node process; ends with its handle.
#[derive(Debug)]
pub struct NodeProcess {
    child: Child,
    address: NodeAddress,
}

impl NodeProcess {
    /// Starts `casty-bench-node`, which is expected beside the running program.
    ///
    /// # Errors
    /// It is not there, or does not say where it listens.
    pub fn start(codec: &str) -> Result<Self, Failure> {
        codec_of(codec)?;
        let program = std::env::current_exe()?.with_file_name("casty-bench-node");
        let mut child = Command::new(&program)
            .arg(codec)
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
