//! A Python program that takes part in structures, in a process of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::cluster::{PythonCluster, SYSTEM};
use crate::error::Failure;
use crate::python::Installation;

/// The longest time that an order may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// A participant. It is killed when dropped.
pub(super) struct Participant {
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    child: Child,
}

/// The answer to an order.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Done(Value),
    Failed(String),
}

impl Participant {
    /// Starts the process, and connects it.
    pub(super) async fn join(
        python: &Installation,
        cluster: &PythonCluster,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(python.interpreter());
        command.arg("-B").arg(python.source("structures.py"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = pipes else {
            return Err("no pipes to a participant".into());
        };
        let mut participant = Self {
            stdin,
            stdout: BufReader::new(stdout).lines(),
            child,
        };
        let contacts = cluster.addresses().iter().map(ToString::to_string);
        let connect = json!({
            "do": "connect",
            "system": SYSTEM,
            "contacts": contacts.collect::<Vec<_>>(),
            "serializer": cluster.serializer().name(),
        });
        participant.order::<()>(&connect).await?;
        Ok(participant)
    }

    pub(super) async fn put(&mut self, name: &str, key: &str, value: Value) -> Result<(), Failure> {
        let order = json!({"do": "put", "name": name, "key": key, "value": value});
        self.order::<Value>(&order).await.map(drop)
    }

    pub(super) async fn get(&mut self, name: &str, key: &str) -> Result<Value, Failure> {
        self.order(&json!({"do": "get", "name": name, "key": key}))
            .await
    }

    /// Takes the values of a queue until there is none.
    pub(super) async fn drain(&mut self, name: &str) -> Result<Vec<u32>, Failure> {
        self.order(&json!({"do": "drain", "name": name})).await
    }

    /// Has tasks take turns under a lock, each of which makes the file `marker` and removes it.
    pub(super) async fn lock(
        &mut self,
        name: &str,
        (tasks, turns): (usize, usize),
        marker: &Path,
    ) -> Result<usize, Failure> {
        let order =
            json!({"do": "lock", "name": name, "tasks": tasks, "turns": turns, "marker": marker});
        self.order(&order).await
    }

    /// Takes a lock for good, and returns the owner's name.
    pub(super) async fn enter(&mut self, name: &str, marker: &Path) -> Result<String, Failure> {
        self.order(&json!({"do": "enter", "name": name, "marker": marker}))
            .await
    }

    /// Has tasks take turns with a permit, each with a file in `folder`; the most that were there at once.
    pub(super) async fn permits(
        &mut self,
        name: &str,
        (tasks, turns): (usize, usize),
        folder: &Path,
    ) -> Result<usize, Failure> {
        let order = json!({
            "do": "permits", "name": name, "tasks": tasks, "turns": turns, "folder": folder
        });
        self.order(&order).await
    }

    pub(super) async fn arrive(&mut self, name: &str, expected: u32) -> Result<(), Failure> {
        self.order(&json!({"do": "arrive", "name": name, "expected": expected}))
            .await
    }

    /// Kills the process, as SIGKILL does.
    pub(super) async fn kill(mut self) -> Result<(), Failure> {
        Ok(self.child.kill().await?)
    }

    async fn order<T: DeserializeOwned>(&mut self, order: &Value) -> Result<T, Failure> {
        let line = format!("{order}\n");
        self.stdin.write_all(line.as_bytes()).await?;
        let answer = timeout(PATIENCE, self.stdout.next_line()).await??;
        match serde_json::from_str(&answer.ok_or("a participant ended")?)? {
            Answer::Done(done) => Ok(serde_json::from_value(done)?),
            Answer::Failed(reason) => Err(format!("{order}: {reason}").into()),
        }
    }
}
