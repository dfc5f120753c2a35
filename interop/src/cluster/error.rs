//! The errors of a cluster of nodes.

use std::io;
use std::path::PathBuf;

/// The reason that a cluster does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// There are fewer nodes, or this one does not run.
    #[error("there is no node {0}")]
    NoSuchNode(usize),
    /// A node did not say in time what it has to say.
    #[error("node {index}: no {missed}; its log is {}", log.display())]
    NotReady {
        /// The index of the node.
        index: usize,
        /// The event that was waited for.
        missed: &'static str,
        /// The file of its standard error.
        log: PathBuf,
    },
    /// A process could not be started or signalled.
    #[error("a node's process")]
    Process(#[source] io::Error),
    /// A node's proxy does not listen.
    #[error("a node's proxy")]
    Proxy(#[source] io::Error),
    /// No port, or no folder for logs.
    #[error("a node's port or log")]
    Io(#[from] io::Error),
}
