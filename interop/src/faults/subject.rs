//! A client under test, in a process of its own.

use std::collections::BTreeMap;
use std::env;
use std::process::Stdio;
use std::time::Duration;

use casty_proto::NodeAddress;
use rustix::process::Signal;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::order::{Answer, Burst, Connect, Known, Order, Records, Seen};
use crate::cluster::{SHARDS, SYSTEM, signal};
use crate::error::Failure;
use crate::python::Installation;

/// The longest time that an order may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// The longest time that a client whose nodes are well may take to get a view.
pub(super) const FIRST_VIEW: Duration = Duration::from_secs(12);

/// The client that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Rust,
    Python,
}

/// A client, or several in one process. It is killed when dropped.
pub(super) struct Subject {
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Subject {
    /// Starts the process; it does nothing unless ordered to.
    pub(super) fn start(python: &Installation, whose: Whose) -> Result<Self, Failure> {
        let mut command = match whose {
            Whose::Rust => {
                let mut own = Command::new(env::current_exe()?);
                own.arg("--client");
                own
            }
            Whose::Python => {
                let mut interpreter = Command::new(python.interpreter());
                interpreter.arg("-B").arg(python.source("client.py"));
                interpreter
            }
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = pipes else {
            return Err("no pipes to a client".into());
        };
        Ok(Self {
            stdin,
            stdout: BufReader::new(stdout).lines(),
            child,
        })
    }

    /// Connects so many clients, which have so long to get a view; see [`Connect`].
    pub(super) async fn connect(
        &mut self,
        contacts: &[&NodeAddress],
        map: &[(&NodeAddress, &NodeAddress)],
        (clients, within): (usize, Duration),
    ) -> Result<Option<f64>, Failure> {
        let map = map.iter();
        let map: BTreeMap<_, _> = map
            .map(|(at, to)| (at.to_string(), to.to_string()))
            .collect();
        let connect = Connect {
            system: SYSTEM.to_owned(),
            shards: SHARDS,
            contacts: contacts.iter().map(ToString::to_string).collect(),
            map,
            clients,
            within,
        };
        self.order(&Order::Connect(connect)).await
    }

    /// Connects one client, which must succeed.
    pub(super) async fn join(&mut self, contacts: &[&NodeAddress]) -> Result<(), Failure> {
        let first = self.connect(contacts, &[], (1, FIRST_VIEW)).await?;
        first.map(drop).ok_or_else(|| "no view came".into())
    }

    pub(super) async fn ask(
        &mut self,
        load: &str,
        entities: &[&str],
        (every, timeout): (Duration, Duration),
    ) -> Result<(), Failure> {
        let order = Order::Ask {
            load: load.to_owned(),
            entities: entities.iter().map(ToString::to_string).collect(),
            every,
            timeout,
        };
        self.order(&order).await
    }

    pub(super) async fn tell(
        &mut self,
        load: &str,
        entity: &str,
        every: Duration,
    ) -> Result<(), Failure> {
        let order = Order::Tell {
            load: load.to_owned(),
            entity: entity.to_owned(),
            every,
        };
        self.order(&order).await
    }

    pub(super) async fn stop(&mut self, load: &str) -> Result<Records, Failure> {
        let load = load.to_owned();
        self.order(&Order::Stop { load }).await
    }

    pub(super) async fn views(&mut self) -> Result<Vec<Seen>, Failure> {
        self.order(&Order::Views).await
    }

    pub(super) async fn burst(&mut self, asks: usize, timeout: Duration) -> Result<Burst, Failure> {
        self.order(&Order::Burst { asks, timeout }).await
    }

    /// Ends the clients. What they know must add up.
    pub(super) async fn close(&mut self) -> Result<Option<Known>, Failure> {
        let known: Option<Known> = self.order(&Order::Close).await?;
        match &known {
            Some(it) if it.accepted != it.written + it.not_sent + it.unknown => {
                Err(format!("messages are not accounted for: {it:?}").into())
            }
            _ => Ok(known),
        }
    }

    /// Stops the process until it [goes on](Self::resume).
    pub(super) fn hang(&self) -> Result<(), Failure> {
        Ok(signal(&self.child, Signal::STOP)?)
    }

    /// Lets the process go on.
    pub(super) fn resume(&self) -> Result<(), Failure> {
        Ok(signal(&self.child, Signal::CONT)?)
    }

    async fn order<T: DeserializeOwned>(&mut self, order: &Order) -> Result<T, Failure> {
        let line = serde_json::to_string(order)? + "\n";
        self.stdin.write_all(line.as_bytes()).await?;
        let answer = timeout(PATIENCE, self.stdout.next_line()).await??;
        match serde_json::from_str(&answer.ok_or("a client ended")?)? {
            Answer::Done(done) => Ok(serde_json::from_value(done)?),
            Answer::Failed(reason) => Err(format!("{order:?}: {reason}").into()),
        }
    }
}
