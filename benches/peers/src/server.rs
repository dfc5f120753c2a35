//! Servers in processes of their own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use casty_bench_harness::Failure;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// The time that a server may take to listen.
const STARTUP: Duration = Duration::from_secs(20);

/// Runs a program until the input ends, which it does with whoever started it, however that ended.
const UNTIL_INPUT_ENDS: &str = r#""$@" </dev/null & cat; kill $!"#;

/// A server process; ends with its handle.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts this program as a server, which prints its port.
    pub(crate) fn start(args: &[&str]) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port = line.trim().parse()?;
        Ok(Self { child, port })
    }

    /// Starts another program, which is told a free port, and waits until it listens there.
    pub(crate) async fn foreign(
        program: PathBuf,
        args: impl FnOnce(u16) -> Vec<String>,
    ) -> Result<Self, Failure> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("sh")
            .args(["-c", UNTIL_INPUT_ENDS, "sh"])
            .arg(program)
            .args(args(port))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self { child, port };
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(STARTUP, listens).await?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its end is that of its input. Waiting fails only where it has ended already.
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

/// Prints the port of this server, and ends the process when its input ends: whoever started it is
/// gone then.
pub(crate) fn say(port: u16) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{port}")?;
    out.flush()?;
    std::thread::spawn(|| {
        let ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(i32::from(ended.is_err()));
    });
    Ok(())
}

/// Returns the path of a program on `PATH`, or where Debian puts servers.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    let mut programs = folders.map(|folder| folder.join(name));
    programs.find(|program| program.is_file())
}
