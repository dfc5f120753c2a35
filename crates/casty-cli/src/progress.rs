//! The progress of a long command: on the terminal that standard error is, and nowhere else.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use casty_proto::Count;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::output;

mod terminal;

use terminal::Narrow;

/// The time between two drawings, and the least between two rates.
const PAUSE: Duration = Duration::from_millis(100);
/// The time over which a rate is counted.
const WINDOW: Duration = Duration::from_secs(1);

/// The progress of a command that sends messages, drawn again and again: also while nothing is done. Nothing
/// is drawn where standard error is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    messages: Arc<AtomicU64>,
}

impl Progress {
    /// Begins a progress towards a number of steps; `None` if nobody knows how many there are.
    pub(crate) fn new(length: Option<u64>) -> Self {
        let template = match length {
            Some(_) => "{wide_bar} {percent}%  {rate}  {eta} left",
            None => "{spinner} {rate}  {elapsed}",
        };
        let target = match output::error_terminal() {
            Some(terminal) => ProgressDrawTarget::term_like(Box::new(Narrow(terminal))),
            None => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(length, target);
        let messages = Arc::new(AtomicU64::new(0));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", shown(Arc::clone(&messages))));
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(PAUSE);
        }
        Self { bar, messages }
    }

    /// Notes the steps that were done, and the messages that were sent.
    pub(crate) fn at(&self, steps: u64, messages: u64) {
        self.messages.store(messages, Ordering::Relaxed);
        self.bar.set_position(steps);
    }

    /// Prints an error above the progress.
    pub(crate) fn print_error(&self, line: impl fmt::Display) {
        self.bar.suspend(|| output::print_error(line));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Returns what writes the messages and their rate, as they are when a bar is drawn.
fn shown(
    messages: Arc<AtomicU64>,
) -> impl Fn(&ProgressState, &mut dyn fmt::Write) + Clone + Send + Sync {
    let rate = Arc::new(Mutex::new(Rate::new(Instant::now())));
    move |_, out| {
        let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.note(Instant::now(), messages.load(Ordering::Relaxed));
        // A bar of which this part is missing is no reason to end the command.
        write!(out, "{rate}").ok();
    }
}

/// The number of messages so far, and how many came in the last second.
struct Rate {
    messages: u64,
    since: (Instant, u64),
    per_second: u64,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self {
            messages: 0,
            since: (now, 0),
            per_second: 0,
        }
    }

    /// Notes how many there are by now.
    fn note(&mut self, now: Instant, messages: u64) {
        self.messages = messages;
        let (then, before) = self.since;
        let took = now.saturating_duration_since(then);
        if took >= WINDOW || (took >= PAUSE && self.per_second == 0) {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
            let new = messages.saturating_sub(before);
            self.per_second = new.saturating_mul(1000) / millis;
        }
        if took >= WINDOW {
            self.since = (now, messages);
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = Count(self.messages, "message");
        write!(f, "{messages}, {}/s", self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_second() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        rate.note(at(100), 50);
        assert_eq!(rate.to_string(), "50 messages, 500/s");
        rate.note(at(1000), 600);
        assert_eq!(rate.to_string(), "600 messages, 600/s");
        rate.note(at(1500), 700);
        assert_eq!(rate.to_string(), "700 messages, 600/s");
        rate.note(at(2000), 800);
        assert_eq!(rate.to_string(), "800 messages, 200/s");
    }

    #[test]
    fn a_rate_falls_while_nothing_is_sent() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        rate.note(at(1000), 600);
        rate.note(at(1900), 600);
        assert_eq!(rate.to_string(), "600 messages, 600/s");
        rate.note(at(2000), 600);
        assert_eq!(rate.to_string(), "600 messages, 0/s");
        rate.note(at(2100), 601);
        assert_eq!(rate.to_string(), "601 messages, 10/s");
    }
}
