//! The progress of a long command: on the terminal that standard error is, and nowhere else.

use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::output::{self, is_json};

/// The least time between two drawings, and between two rates.
const PAUSE: Duration = Duration::from_millis(100);
/// The time over which a rate is counted.
const WINDOW: Duration = Duration::from_secs(1);

/// The progress of a command that sends messages. Nothing is drawn where standard error is no terminal, or
/// JSON is printed.
pub(crate) struct Progress {
    bar: ProgressBar,
    rate: Rate,
    drawn: Option<Instant>,
}

impl Progress {
    /// Begins a progress towards a number of steps; `None` if nobody knows how many there are.
    pub(crate) fn new(length: Option<u64>) -> Self {
        let (bar, template) = match length {
            _ if is_json() => (ProgressBar::hidden(), ""),
            Some(length) => (
                ProgressBar::new(length),
                "{wide_bar} {percent}%  {msg}  {eta} left",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            rate: Rate::new(Instant::now()),
            drawn: None,
        }
    }

    /// Notes the steps that were done, and the messages that were sent.
    pub(crate) fn at(&mut self, steps: u64, messages: u64) {
        let now = Instant::now();
        if self.drawn.is_some_and(|last| now < last + PAUSE) {
            return;
        }
        self.drawn = Some(now);
        self.rate.note(now, messages);
        self.bar.set_position(steps);
        self.bar.set_message(self.rate.to_string());
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
        if took >= WINDOW || self.per_second == 0 {
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
        write!(f, "{} messages, {}/s", self.messages, self.per_second)
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

    #[tokio::test(start_paused = true)]
    async fn what_comes_faster_than_it_can_be_read_is_drawn_now_and_then() {
        let mut progress = Progress::new(Some(1000));
        progress.at(10, 1);
        progress.at(20, 2);
        assert_eq!(progress.bar.position(), 10);
        tokio::time::advance(PAUSE).await;
        progress.at(30, 3);
        assert_eq!(progress.bar.position(), 30);
    }
}
