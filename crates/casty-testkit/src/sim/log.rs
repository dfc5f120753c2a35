//! The log of a world: the same for the same seed, byte for byte.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lines kept to show how a world ended.
const LAST: usize = 64;
/// Lines kept where all are wanted: some 10 MB, and more than any world of minutes has.
const WHOLE: usize = 100_000;

/// The part of a world's log that its report contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Trace {
    /// The last lines, which show how the world ended.
    #[default]
    Last,
    /// All lines, but no more than the last 100,000.
    Whole,
}

impl Trace {
    /// Returns the most lines that are kept.
    fn lines(self) -> usize {
        match self {
            Self::Last => LAST,
            Self::Whole => WHOLE,
        }
    }
}

/// The log of one world.
pub(super) struct Log {
    begun: Instant,
    trace: Trace,
    state: Mutex<State>,
}

struct State {
    digest: u64,
    lines: u64,
    kept: VecDeque<String>,
    line: String,
}

impl Log {
    /// Makes an empty log that begins now.
    pub(super) fn new(trace: Trace) -> Self {
        let state = State {
            digest: FNV_OFFSET,
            lines: 0,
            kept: VecDeque::new(),
            line: String::new(),
        };
        Self {
            begun: Instant::now(),
            trace,
            state: Mutex::new(state),
        }
    }

    /// Returns the virtual time since the world began.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Appends a line.
    pub(super) fn write(&self, what: fmt::Arguments<'_>) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.line.clear();
        let now = self.elapsed();
        let (seconds, rest) = (now.as_secs(), now.subsec_micros());
        // Writing to a string does not fail.
        writeln!(state.line, "{seconds:4}.{rest:06} {what}").ok();
        state.digest = fnv(state.digest, state.line.as_bytes());
        state.lines += 1;
        if state.kept.len() >= self.trace.lines() {
            state.kept.pop_front();
        }
        state.kept.push_back(state.line.clone());
    }

    /// Returns a number that stands for the whole log, and the number of its lines.
    pub(super) fn digest(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.digest, state.lines)
    }

    /// Returns the lines that were kept, and before them how many were not, if all are wanted.
    pub(super) fn text(&self) -> String {
        let state = self.state.lock();
        let left = state.lines - state.kept.len() as u64;
        let text = state.kept.iter().map(String::as_str).collect();
        match self.trace {
            Trace::Whole if left > 0 => format!("{left} lines before these are left out\n{text}"),
            _ => text,
        }
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues an FNV-1a digest.
pub(super) fn fnv(digest: u64, bytes: &[u8]) -> u64 {
    let mix = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(digest, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_whole_log_is_bounded_and_says_how_much_of_it_is_missing() {
        let log = Log::new(Trace::Whole);
        for line in 0..WHOLE + 2 {
            log.write(format_args!("{line}"));
        }
        let text = log.text();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("2 lines before these are left out"));
        assert_eq!(lines.next(), Some("   0.000000 2"));
        assert_eq!(lines.count(), WHOLE - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_shows_its_last_lines_alone_unless_all_are_wanted() {
        for (trace, shown) in [(Trace::Last, LAST), (Trace::Whole, 100)] {
            let log = Log::new(trace);
            (0..100).for_each(|line| log.write(format_args!("{line}")));
            assert_eq!(log.text().lines().count(), shown);
            assert_eq!(log.digest().1, 100);
        }
    }
}
