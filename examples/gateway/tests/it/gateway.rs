//! Gateways under test: in this process, so that tests can wait for what its client knows, or as a program.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;

use casty_client::ClusterClient;
use casty_gateway::{Accounts, Ended, Listeners, Metrics, Settings, serve};
use casty_testkit::Cluster;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::LONG;
use crate::bank::SHARDS;

/// Writes the file of a gateway in front of a cluster, with more lines for its two tables.
pub(crate) fn file(cluster: &Cluster, gateway: &str, casty: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    let (system, contacts) = (cluster.system(), cluster.contact_points());
    let text = format!(
        "[gateway]\nlisten = '127.0.0.1:0'\nprobe_listen = '127.0.0.1:0'\n{gateway}\n\
         [casty]\nsystem_name = '{system}'\ncontact_points = {contacts:?}\n{casty}\n\
         [casty.regions]\naccount = {SHARDS}\n"
    );
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// Returns the metrics of this process, which has one recorder for all tests.
fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| Metrics::install().unwrap())
}

/// A gateway in this process.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) probes: SocketAddr,
    pub(crate) client: ClusterClient,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Ended>,
}

impl Gateway {
    /// Starts one whose client is ready.
    pub(crate) async fn start(cluster: &Cluster, gateway: &str, casty: &str) -> Self {
        let (_folder, path) = file(cluster, gateway, casty);
        let settings = Settings::read(&path).unwrap();
        let metrics = metrics();
        let client = settings.client.builder().connect().await.unwrap();
        client.ready(LONG).await.unwrap();
        let accounts = Accounts::new(client.clone(), settings.gateway.following()).unwrap();
        let listeners = Listeners::bind(&settings.gateway).await.unwrap();
        let (address, probes) = (listeners.requests().unwrap(), listeners.probes().unwrap());
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            let told = async {
                stopped.await.ok();
            };
            serve(listeners, accounts, metrics, &settings.gateway, told).await
        });
        Self {
            address,
            probes,
            client,
            stop,
            served,
        }
    }

    /// Has it stop, and returns how it ended.
    pub(crate) async fn stop(self) -> Ended {
        self.stop.send(()).unwrap();
        let served = timeout(LONG, self.served).await;
        served.expect("it ends").unwrap()
    }
}

/// A gateway as a program; killed when it is dropped.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    pub(crate) probes: SocketAddr,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    _folder: TempDir,
}

impl Program {
    /// Starts one, and waits until it listens.
    pub(crate) async fn start(cluster: &Cluster) -> Self {
        let (folder, path) = file(cluster, "", "");
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.arg("--config").arg(path).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = async |prefix| -> SocketAddr {
            let line = timeout(LONG, lines.next_line()).await.unwrap().unwrap();
            let line = line.expect("it listens");
            line.strip_prefix(prefix).expect(&line).parse().unwrap()
        };
        let (address, probes) = (told("LISTENING ").await, told("PROBES ").await);
        Self {
            address,
            probes,
            child,
            lines,
            _folder: folder,
        }
    }

    /// Sends it SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = i32::try_from(self.child.id().expect("it runs")).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end, and returns the last line that it printed.
    pub(crate) async fn ended(mut self) -> String {
        let status = timeout(LONG, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
        let line = self.lines.next_line().await.unwrap();
        line.expect("it told of its end")
    }
}
