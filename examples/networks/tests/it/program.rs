//! The program of this example, and the lines that it prints.

use std::fs;
use std::path::Path;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::LONG;
use crate::casty::{command, interrupt};

/// The program; killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
    /// The number of lines that are of no interest any more.
    past: usize,
}

impl Program {
    /// Starts it in a folder, with settings that are written there, further arguments, and variables.
    pub(crate) fn start(
        within: &Path,
        settings: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        fs::write(within.join("casty.toml"), settings).unwrap();
        let mut program = command(env!("CARGO_BIN_EXE_networks"), within);
        program.args(arguments).envs(variables.iter().copied());
        let mut child = program.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            said: Vec::new(),
            past: 0,
        }
    }

    /// Has only those lines count that are printed from now on, and what was not read yet.
    pub(crate) fn forget(&mut self) {
        self.past = self.said.len();
    }

    /// Waits for a line that has all of these parts, among those that count.
    pub(crate) async fn says(&mut self, parts: &[&str]) -> String {
        let wanted = |line: &str| parts.iter().all(|part| line.contains(part));
        self.line(self.past, wanted).await
    }

    /// Waits for a line that is as wanted, among all from the beginning.
    pub(crate) async fn ever(&mut self, wanted: impl FnMut(&str) -> bool) -> String {
        self.line(0, wanted).await
    }

    /// Waits for a line that is as wanted, from this one on.
    async fn line(&mut self, mut next: usize, mut wanted: impl FnMut(&str) -> bool) -> String {
        let found = timeout(LONG, async {
            loop {
                while let Some(line) = self.said.get(next) {
                    if wanted(line) {
                        return Some(line.clone());
                    }
                    next += 1;
                }
                let line = self.lines.next_line().await.unwrap()?;
                println!("{line}");
                self.said.push(line);
            }
        });
        let found = found.await.ok().flatten();
        found.unwrap_or_else(|| panic!("no such line: {:#?}", self.said))
    }

    /// Returns whether a line was printed that has this part, among all that were read.
    pub(crate) fn has_said(&self, part: &str) -> bool {
        self.said.iter().any(|line| line.contains(part))
    }

    /// Has it end, and returns the numbers of asks that were answered and that were not.
    pub(crate) async fn end(&mut self) -> (u64, u64) {
        interrupt(&self.child);
        let last = self.says(&["asks were answered"]).await;
        let status = timeout(LONG, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
        let mut numbers = last.split(|letter: char| !letter.is_ascii_digit());
        let mut number = || numbers.by_ref().find_map(|word| word.parse().ok()).unwrap();
        (number(), number())
    }
}
