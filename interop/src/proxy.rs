//! Nodes behind `casty proxy`, each behind one of its own.

use std::fs::File;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use casty_proto::NodeAddress;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::certificates::Certificates;
use crate::command::casty;

/// The longest time that it may take to listen.
const STARTUP: Duration = Duration::from_secs(20);

/// Runs what it is given until its own standard input closes, as it does when the suite ends or is
/// killed: the command itself would go on.
const KEEPER: &str = r#""$@" & exec >/dev/null; cat; kill -KILL $!"#;

/// A process that accepts QUIC and passes it on to a node's TCP, whether the node runs or not.
/// Dropping it ends it.
#[derive(Debug)]
pub(crate) struct QuicProxy {
    at: NodeAddress,
    // Its standard input is held open.
    _keeper: Child,
}

impl QuicProxy {
    /// Starts one, and returns when it listens; what it says goes to `log`.
    ///
    /// # Errors
    /// The command was not built, or does not listen in 20 s.
    pub(crate) async fn start(
        node: &NodeAddress,
        certificates: &Certificates,
        log: File,
    ) -> io::Result<Self> {
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER, "sh"])
            .arg(casty()?)
            .args(["proxy", "--listen", "quic://127.0.0.1:0", "--to"])
            .arg(format!("tcp://{node}"))
            .args(certificates.arguments(certificates.node()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut keeper = keeper.spawn()?;
        let out = keeper.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut lines = BufReader::new(out).lines();
        let line = timeout(STARTUP, lines.next_line()).await??;
        let line = line.unwrap_or_default();
        let at = line
            .strip_prefix("quic://")
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .ok_or_else(|| io::Error::other(format!("casty proxy said {line:?}")))?;
        Ok(Self {
            at,
            _keeper: keeper,
        })
    }

    /// Returns the address that it listens at.
    pub(crate) fn at(&self) -> &NodeAddress {
        &self.at
    }
}
