//! The process of one node, in Python or in Rust.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A node's process; killed when it is dropped.
#[derive(Debug)]
pub(super) struct Node {
    child: Child,
    // Held open: the node ends when it closes.
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Node {
    /// Starts it.
    ///
    /// # Errors
    /// The program is not there, or the system gives no process.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Self {
                child,
                stdin,
                stdout: BufReader::new(stdout).lines(),
            }),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Reads its standard output up to a line that begins with `word`; `false` if there is none.
    pub(super) async fn says(&mut self, word: &str) -> bool {
        while let Ok(Some(line)) = self.stdout.next_line().await {
            if line.split(' ').next() == Some(word) {
                return true;
            }
        }
        false
    }

    /// Has one that stands by begin.
    ///
    /// # Errors
    /// It has ended.
    pub(super) async fn begin(&mut self) -> io::Result<()> {
        self.stdin.write_all(b"\n").await
    }

    /// Returns the process, which has been told to end.
    pub(super) fn told_to_end(self) -> Child {
        drop(self.stdin);
        self.child
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// It could not be signalled.
    pub(super) async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Sends it a signal, unless it has ended.
    ///
    /// # Errors
    /// It could not be signalled.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        self::signal(&self.child, signal)
    }

    /// Returns the number of the process; `None` if it has ended.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Sends a signal to a process, unless it has ended.
///
/// # Errors
/// It could not be signalled.
pub(crate) fn signal(child: &Child, signal: Signal) -> io::Result<()> {
    let process = child.id().and_then(|id| id.try_into().ok());
    match process.and_then(Pid::from_raw) {
        Some(process) => Ok(kill_process(process, signal)?),
        None => Ok(()),
    }
}

/// Opens a log, which begins anew with its cluster and goes on when a node is restarted.
///
/// # Errors
/// It, or its folder, could not be made.
pub(super) fn log_file(path: &Path, go_on: bool) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = File::options();
    options.create(true).append(go_on).truncate(!go_on);
    options.write(true).open(path)
}
