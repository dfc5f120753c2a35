//! The process of a guard.

use std::process::Stdio;
use std::time::Duration;

use casty_proto::NodeAddress;
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::one_way::OneWay;
use crate::cluster::{PythonCluster, SYSTEM, signal};
use crate::command::casty;
use crate::error::Failure;

/// The longest time that a guard may take to join, and to leave.
const PATIENCE: Duration = Duration::from_secs(20);

/// The evidence by which a guard calls a member dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    Silence,
    Stillness,
}

impl Evidence {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Silence => "guard by silence",
            Self::Stillness => "guard by stillness",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Stillness => "stillness",
        }
    }
}

/// A guard that has joined. Dropping it kills it.
pub(crate) struct Guard {
    child: Child,
    /// The events that it has told of; ends with its output.
    events: watch::Receiver<Vec<Value>>,
}

impl Guard {
    /// Starts a guard, and waits until it has joined.
    pub(crate) async fn start(
        cluster: &PythonCluster,
        evidence: Evidence,
    ) -> Result<Self, Failure> {
        let here = ["--listen", "127.0.0.1", "--port", "0"];
        Self::start_with(cluster, evidence, &here.map(str::to_owned)).await
    }

    /// Starts a guard behind proxies, and waits until it has joined.
    pub(crate) async fn behind(
        link: &OneWay,
        cluster: &PythonCluster,
        evidence: Evidence,
    ) -> Result<Self, Failure> {
        Self::start_with(cluster, evidence, &link.arguments()).await
    }

    async fn start_with(
        cluster: &PythonCluster,
        evidence: Evidence,
        arguments: &[String],
    ) -> Result<Self, Failure> {
        let mut command = Command::new(casty()?);
        command.args(["guard", "--json", "--system", SYSTEM]);
        command.args(["--advertise", "localhost"]).args(arguments);
        command.args(["--healing", evidence.option()]);
        for seed in cluster.addresses() {
            command.args(["--seed", &seed.to_string()]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let out = child.stdout.take().ok_or("no standard output")?;
        let (told, events) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut lines = BufReader::new(out).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                told.send_modify(|events| events.extend(serde_json::from_str::<Value>(&line)));
            }
        });
        let mut guard = Self { child, events };
        guard.says("joined", None).await?;
        Ok(guard)
    }

    /// Waits until it has told of an event, of a node if one is given.
    pub(crate) async fn says(
        &mut self,
        event: &str,
        node: Option<&NodeAddress>,
    ) -> Result<(), Failure> {
        let is_told = |events: &Vec<Value>| events.iter().any(|it| tells(it, event, node));
        let said = timeout(PATIENCE, self.events.wait_for(is_told)).await;
        if matches!(said, Ok(Ok(_))) {
            return Ok(());
        }
        drop(said);
        Err(format!("the guard does not say {event:?}, but {}", self.events()).into())
    }

    /// Returns all that it has told, to be read.
    pub(crate) fn events(&self) -> String {
        let events = self.events.borrow();
        let texts = events.iter().filter_map(|it| it["text"].as_str());
        texts.collect::<Vec<_>>().join("; ")
    }

    /// Returns how often it has told of an event of a node.
    pub(crate) fn told(&self, event: &str, node: &NodeAddress) -> usize {
        let events = self.events.borrow();
        let told = events.iter().filter(|it| tells(it, event, Some(node)));
        told.count()
    }

    /// Has it leave.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        signal(&self.child, Signal::TERM)?;
        let status = timeout(PATIENCE, self.child.wait()).await??;
        if !status.success() {
            return Err(format!("the guard ended with {status}").into());
        }
        Ok(())
    }
}

/// Returns whether a line tells of an event, of a node if one is given.
fn tells(line: &Value, event: &str, node: Option<&NodeAddress>) -> bool {
    let of_node = |node: &NodeAddress| line["node"] == node.to_string().as_str();
    line["event"] == event && node.is_none_or(of_node)
}
