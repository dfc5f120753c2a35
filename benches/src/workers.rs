//! Worker processes: started, given orders, and ended with their handles.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use casty_bench_harness::sample::Figures;
use casty_bench_harness::worker::{Order, Said};

use crate::Failure;
use crate::options::Options;
use crate::plan::{Cell, METERED};
use crate::process::{NodeProcess, Way, beside};
use crate::sender::Name;

/// The time that a worker may take to connect, and to answer beyond the time of an order.
const PATIENCE: Duration = Duration::from_mins(1);

/// A worker process; ends with its handle.
#[derive(Debug)]
struct Worker {
    child: Child,
    orders: ChildStdin,
    said: Receiver<String>,
}

impl Worker {
    /// Starts one. The error of one that cannot measure here is its reason.
    fn start(command: &mut Command) -> Result<Self, Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let (Some(orders), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a process without pipes".into());
        };
        let (lines, said) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let mut worker = Self {
            child,
            orders,
            said,
        };
        match worker.listen(PATIENCE)? {
            Said::Ready {} => Ok(worker),
            Said::Absent(reason) | Said::Failed(reason) => Err(reason.into()),
            Said::Sample(_) => Err("a sample that nobody ordered".into()),
        }
    }

    /// Has it carry a load.
    fn carry(&mut self, cell: Cell, span: Duration) -> Result<Figures, Failure> {
        let order = Order {
            load: cell.load.to_string(),
            seconds: span.as_secs_f64(),
        };
        let mut line = serde_json::to_string(&order)?;
        line.push('\n');
        self.orders.write_all(line.as_bytes())?;
        self.orders.flush()?;
        match self.listen(span + PATIENCE)? {
            Said::Sample(figures) => Ok(figures),
            Said::Failed(reason) | Said::Absent(reason) => Err(reason.into()),
            Said::Ready {} => Err("no answer".into()),
        }
    }

    fn listen(&mut self, patience: Duration) -> Result<Said, Failure> {
        match self.said.recv_timeout(patience) {
            Ok(line) => Ok(serde_json::from_str(&line)?),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("silent for {patience:?}").into()),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err("it has ended".into()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The workers of a run, by the names of their senders, with the nodes that they send to.
#[derive(Debug, Default)]
pub struct Workers {
    running: BTreeMap<&'static str, Worker>,
    nodes: Vec<(Way, NodeProcess)>,
    /// The names of those that are not measured, with the reasons.
    pub absent: BTreeMap<String, String>,
}

impl Workers {
    /// Starts those of this package.
    ///
    /// # Errors
    /// A node or a worker does not start.
    pub fn start_ours(&mut self, cells: &[Cell], options: &Options) -> Result<(), Failure> {
        let certificates = options.out.join("certificates");
        crate::certificates::make(&certificates)?;
        for name in Name::ALL {
            let Some(cell) = cells.iter().find(|cell| cell.sender == name.as_str()) else {
                continue;
            };
            let program = beside("casty-bench-worker")?;
            let mut command = self.ours(&program, name, options, &certificates)?;
            let worker = Worker::start(&mut command);
            let worker = worker.map_err(|error| format!("{}: {error}", cell.sender))?;
            self.running.insert(cell.sender, worker);
        }
        if cells.iter().any(|cell| cell.sender == METERED) {
            match &options.metered {
                Some(program) => {
                    let mut command = self.ours(program, Name::Client, options, &certificates)?;
                    self.start(METERED, &mut command);
                }
                None => self.miss(&[METERED], "only with --metrics"),
            }
        }
        Ok(())
    }

    /// Returns the command that starts a sender of this package.
    fn ours(
        &mut self,
        program: &Path,
        name: Name,
        options: &Options,
        certificates: &Path,
    ) -> Result<Command, Failure> {
        let node = self.node(name.way(), &options.codec, certificates)?;
        let mut command = Command::new(program);
        command.arg(name.as_str()).args(["--node", &node]);
        command.args(["--codec", &options.codec]);
        command.arg("--certificates").arg(certificates);
        Ok(command)
    }

    /// Returns the address of the node that is reached in that way, which all senders share.
    fn node(&mut self, way: Way, codec: &str, certificates: &Path) -> Result<String, Failure> {
        if let Some((_, node)) = self.nodes.iter().find(|(known, _)| *known == way) {
            return Ok(node.address().to_string());
        }
        let node = NodeProcess::start(codec, way, certificates)?;
        let address = node.address().to_string();
        self.nodes.push((way, node));
        Ok(address)
    }

    /// Starts those of the peers, each with a server of its own; notes why one is absent.
    pub fn start_peers(&mut self, cells: &[Cell], program: Option<&PathBuf>) {
        for cell in cells {
            let sender = cell.sender;
            let is_known = self.running.contains_key(sender) || self.absent.contains_key(sender);
            if is_known || sender.parse::<Name>().is_ok() {
                continue;
            }
            let Some(program) = program else {
                let reason = "only with --peers".to_owned();
                self.absent.insert(sender.to_owned(), reason);
                continue;
            };
            self.start(sender, Command::new(program).arg(sender));
        }
    }

    /// Starts one, or notes why it is absent.
    pub fn start(&mut self, sender: &'static str, command: &mut Command) {
        match Worker::start(command) {
            Ok(worker) => {
                self.running.insert(sender, worker);
            }
            Err(reason) => {
                self.absent.insert(sender.to_owned(), reason.to_string());
            }
        }
    }

    /// Notes why these senders are absent.
    pub fn miss(&mut self, senders: &[&str], reason: &str) {
        let absent = senders
            .iter()
            .map(|sender| ((*sender).to_owned(), reason.to_owned()));
        self.absent.extend(absent);
    }

    /// Measures a cell; `None` if its sender is absent. A cell that fails is absent from then on,
    /// and so is a sender that does not answer.
    pub fn carry(&mut self, cell: Cell, span: Duration) -> Option<Figures> {
        let name = format!("{} {}", cell.sender, cell.load);
        let worker = self.running.get_mut(cell.sender)?;
        if self.absent.contains_key(&name) {
            return None;
        }
        match worker.carry(cell, span) {
            Ok(figures) => Some(figures),
            Err(reason) => {
                eprintln!("{name}: {reason}");
                self.absent.insert(name, reason.to_string());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use casty_bench_harness::load::Load;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const CELL: Cell = Cell {
        load: Load::Tell,
        sender: "one",
    };

    #[test]
    fn a_worker_that_cannot_measure_here_is_absent_for_its_reason() {
        let mut workers = Workers::default();
        workers.start("one", &mut shell(r#"echo '{"absent":"no server"}'"#));
        workers.start("two", &mut shell("true"));
        workers.start("three", &mut Command::new("no-such-program"));
        let reasons: Vec<_> = workers.absent.values().map(String::as_str).collect();
        assert_eq!(reasons[0], "no server");
        assert!(reasons[1].starts_with("no-such-program: "), "{reasons:?}");
        assert_eq!(reasons[2], "it has ended");
        assert!(workers.carry(CELL, Duration::ZERO).is_none());
    }

    #[test]
    fn a_cell_that_fails_is_not_tried_again() {
        let script = r#"echo '{"ready":{}}'; read order; echo '{"failed":"broken"}'"#;
        let mut workers = Workers::default();
        workers.start("one", &mut shell(script));
        for _ in 0..2 {
            assert!(workers.carry(CELL, Duration::ZERO).is_none());
            assert_eq!(workers.absent["one tell"], "broken");
        }
    }

    #[test]
    fn figures_are_those_that_the_worker_says() {
        let sample = r#"{"operations":4,"seconds":2.0,"processor_seconds":1.0,"resident_bytes":0,"latency_microseconds":[]}"#;
        let script =
            format!(r#"echo '{{"ready":{{}}}}'; read order; echo '{{"sample":{sample}}}'"#);
        let mut workers = Workers::default();
        workers.start("one", &mut shell(&script));
        let figures = workers.carry(CELL, Duration::ZERO).unwrap();
        assert!((figures.rate() - 2.0).abs() < 1e-9);
        assert!((figures.processor() - 2.5e8).abs() < 1e-3);
    }
}
