//! The `casty` command: as shells run it, and as a proxy.

use std::env::{self, consts::EXE_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use casty_client::NodeAddress;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::LONG;

/// Returns the folder of the command, which is built if it is not there.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let program = env::current_exe().unwrap();
        // Tests are one folder below the programs, and these one below cargo's own.
        let folder = program.ancestors().nth(2).unwrap();
        let casty = folder.join(format!("casty{EXE_SUFFIX}"));
        if !casty.is_file() {
            let mut build = std::process::Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--package", "casty-cli", "--target-dir"]);
            build.arg(folder.parent().unwrap());
            build.args(folder.ends_with("release").then_some("--release"));
            assert!(build.status().unwrap().success());
        }
        assert!(casty.is_file(), "{} is not there", casty.display());
        folder.to_owned()
    })
}

/// Prepares a program that runs in a folder without settings of the caller's.
pub(crate) fn command(program: impl AsRef<Path>, within: &Path) -> Command {
    let mut command = Command::new(program.as_ref());
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CASTY_") {
            command.env_remove(name);
        }
    }
    command.current_dir(within).stdin(Stdio::null());
    command.stdout(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs commands as a shell does, and returns how that ended and what it wrote to standard error.
pub(crate) async fn ended(commands: &str, within: &Path) -> (Option<i32>, String) {
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(
        [folder().to_owned()]
            .into_iter()
            .chain(env::split_paths(&path)),
    );
    let mut shell = command("sh", within);
    shell
        .args(["-e", "-c", commands])
        .env("PATH", path.unwrap());
    let output = shell.stderr(Stdio::piped()).output();
    let output = timeout(LONG, output).await.expect(commands).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

/// Runs commands that succeed.
pub(crate) async fn shell(commands: &str, within: &Path) {
    let (code, said) = ended(commands, within).await;
    assert_eq!(code, Some(0), "{commands}\n{said}");
}

/// A `casty proxy`; killed when it is dropped.
pub(crate) struct Proxy {
    child: Child,
    command: String,
    within: PathBuf,
    listen: String,
}

impl Proxy {
    /// Starts one by its command line, and waits until it listens.
    pub(crate) async fn start(line: &str, within: &Path) -> Self {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("casty"), "{line}");
        let program = folder().join(format!("casty{EXE_SUFFIX}"));
        let mut proxy = command(program, within);
        let mut child = proxy.args(words).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let reading = timeout(LONG, out.read_line(&mut said));
        reading.await.expect("it listens").unwrap();
        let (listen, _) = said.split_once(" -> ").expect(line);
        Self {
            child,
            command: line.to_owned(),
            within: within.to_owned(),
            listen: listen.to_owned(),
        }
    }

    /// Returns the address at which it listens.
    pub(crate) fn address(&self) -> NodeAddress {
        let (_, address) = self.listen.split_once("://").unwrap();
        address.parse().unwrap()
    }

    /// Kills it, and waits for its end.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again at the same address.
    pub(crate) async fn restart(&mut self) {
        let mut words: Vec<_> = self.command.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "--listen").unwrap();
        words[at + 1] = &self.listen;
        *self = Self::start(&words.join(" "), &self.within).await;
    }

    /// Has it stop, and returns what it has said.
    pub(crate) async fn stop(mut self) -> String {
        interrupt(&self.child);
        let mut said = String::new();
        let mut errors = self.child.stderr.take().unwrap();
        let reading = timeout(LONG, errors.read_to_string(&mut said));
        reading.await.expect("it ends").unwrap();
        said
    }
}

/// Interrupts a program, as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    let id = i32::try_from(child.id().expect("it runs")).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
}
