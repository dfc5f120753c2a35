//! The log of a world: the same for the same seed, byte for byte.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lines kept to show how a world ended, unless all are wanted.
const LAST: usize = 64;

/// The part of a world's log that its report contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Trace {
    /// The last lines, which show how the world ended.
    #[default]
    Last,
    /// All lines.
    Whole,
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
        if self.trace == Trace::Last && state.kept.len() >= LAST {
            state.kept.pop_front();
        }
        state.kept.push_back(state.line.clone());
    }

    /// Returns a number that stands for the whole log, and the number of its lines.
    pub(super) fn digest(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.digest, state.lines)
    }

    /// Returns the lines that were kept.
    pub(super) fn text(&self) -> String {
        self.state.lock().kept.iter().map(String::as_str).collect()
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues an FNV-1a digest.
pub(super) fn fnv(digest: u64, bytes: &[u8]) -> u64 {
    let mix = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(digest, mix)
}
