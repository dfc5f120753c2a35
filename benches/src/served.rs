//! Real nodes, which the real-cluster suite keeps.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use casty_bench_harness::machine::resident_of;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// Two real nodes; they end with this.
#[derive(Debug)]
pub struct Served {
    suite: Child,
    /// The arguments that tell a client of them.
    pub flags: Vec<String>,
    /// The interpreter that they run with, ...
    pub python: String,
    /// ... and the folder of their sources.
    pub sources: String,
    /// The numbers of their processes, by their names, if one of them is in Rust.
    processes: Vec<(String, u32)>,
}

/// The memory of two members of one cluster, after they were measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct MemberMemory {
    /// The bytes in memory of the one in Rust, ...
    pub rust_bytes: u64,
    /// ... and of the one in Python.
    pub python_bytes: u64,
}

impl Served {
    /// The name of the node in Python, ...
    pub const PYTHON: &str = "n0";
    /// ... and of the one in Rust, if one is.
    pub const RUST: &str = "n1";

    /// Starts two nodes by the suite's program. With `rust_node`, the second is that program.
    ///
    /// # Errors
    /// They do not start.
    pub fn start(interop: &Path, rust_node: Option<&Path>) -> Result<Self, Failure> {
        let mut command = Command::new(interop);
        command.args(["--serve", "--nodes", "2"]);
        if let Some(program) = rust_node {
            command.arg("--rust-node").arg(program);
        }
        let mut suite = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", interop.display()))?;
        let mut lines = suite.stdout.take().map(|out| BufReader::new(out).lines());
        let mut next = || lines.as_mut().and_then(Iterator::next).transpose();
        let flags = next()?.unwrap_or_default();
        let mut served = Self {
            suite,
            flags: wanted(&flags),
            python: next()?.unwrap_or_default(),
            sources: next()?.unwrap_or_default(),
            processes: Vec::new(),
        };
        if rust_node.is_some() {
            served.processes = processes(&next()?.unwrap_or_default());
        }
        if served.flags.len() == 6 && !served.sources.is_empty() {
            Ok(served)
        } else {
            Err("the real-cluster suite started no nodes".into())
        }
    }

    /// Returns the memory of both, if one of them is in Rust.
    pub fn memory(&self) -> Option<MemberMemory> {
        let bytes = |name: &str| {
            let mut processes = self.processes.iter();
            let (_, process) = processes.find(|(node, _)| node == name)?;
            Some(resident_of(*process))
        };
        Some(MemberMemory {
            rust_bytes: bytes(Self::RUST)?,
            python_bytes: bytes(Self::PYTHON)?,
        })
    }
}

/// Returns the arguments that a worker takes, of those that the suite tells.
fn wanted(flags: &str) -> Vec<String> {
    let flags: Vec<_> = flags.split(' ').collect();
    let mut wanted = Vec::new();
    for pair in flags.chunks(2) {
        if ["--contact", "--system", "--shards"].contains(&pair[0]) {
            wanted.extend(pair.iter().map(|word| (*word).to_owned()));
        }
    }
    wanted
}

/// Returns the numbers of processes, of a line like `n0=12 n1=13`.
fn processes(line: &str) -> Vec<(String, u32)> {
    let pairs = line.split(' ').filter_map(|pair| {
        let (node, process) = pair.split_once('=')?;
        Some((node.to_owned(), process.parse().ok()?))
    });
    pairs.collect()
}

impl Drop for Served {
    fn drop(&mut self) {
        // Its nodes end with its input.
        self.suite.stdin.take();
        self.suite.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_told_what_it_takes_and_no_more() {
        let flags = wanted("--contact a:1,b:2 --system x --codec pickle --shards 100");
        assert_eq!(
            flags,
            ["--contact", "a:1,b:2", "--system", "x", "--shards", "100"]
        );
        assert_eq!(
            processes("n0=12 n1=13"),
            [("n0".to_owned(), 12), ("n1".to_owned(), 13)]
        );
    }
}
