//! The lines that a guard prints: for people, or for programs.

use std::fmt::Display;
use std::time::{Duration, Instant};

use casty_client::NodeAddress;
use casty_client::casty_routing::membership::MembershipEvent;
use casty_proto::Count;
use serde_json::json;
use time::OffsetDateTime;

use crate::error::CommandError;
use crate::output::{print, print_json};

/// The least time between two refusals that are printed: whoever can connect can cause any number.
const PAUSE: Duration = Duration::from_secs(1);

/// The lines that a guard prints.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    /// The time of the last refusal that was printed.
    refused: Option<Instant>,
    /// Refusals since then.
    hidden: u64,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self {
            json,
            refused: None,
            hidden: 0,
        }
    }

    /// Prints one line: an event under its name for programs, the node that it is about, and a sentence.
    pub(super) fn say(
        &self,
        event: &str,
        node: Option<&NodeAddress>,
        sentence: impl Display,
    ) -> Result<(), CommandError> {
        let time = rfc3339(OffsetDateTime::now_utc());
        if !self.json {
            return print(format_args!("{time}  {sentence}"));
        }
        print_json(json!({
            "time": time,
            "event": event,
            "node": node.map(NodeAddress::to_raw),
            "text": sentence.to_string(),
        }))
    }

    /// Prints an event, unless it is one refusal of many.
    pub(super) fn tell(&mut self, event: &MembershipEvent) -> Result<(), CommandError> {
        let (name, node) = about(event);
        if !matches!(event, MembershipEvent::Refused { .. }) {
            return self.say(name, node, event);
        }
        let now = Instant::now();
        if self.refused.is_some_and(|last| now < last + PAUSE) {
            self.hidden = self.hidden.saturating_add(1);
            return Ok(());
        }
        self.refused = Some(now);
        match std::mem::take(&mut self.hidden) {
            0 => self.say(name, node, format_args!("refused of {event}")),
            hidden => self.say(
                name,
                node,
                format_args!("refused of {event}; {hidden} more were not printed"),
            ),
        }
    }

    /// Prints that events could not be printed.
    pub(super) fn lost(&self, events: u64) -> Result<(), CommandError> {
        if events == 0 {
            return Ok(());
        }
        let events = Count(events, "event");
        self.say(
            "lost",
            None,
            format_args!("{events} too many to be printed"),
        )
    }
}

/// Returns the name of an event, and the node that it is about.
fn about(event: &MembershipEvent) -> (&'static str, Option<&NodeAddress>) {
    use MembershipEvent as E;
    match event {
        E::Joined { .. } => ("joined", None),
        E::Joining { node } => ("joining", Some(node)),
        E::Promoted { node } => ("promoted", Some(node)),
        E::Silent { node, .. } => ("silent", Some(node)),
        E::Unheard { node } => ("unheard", Some(node)),
        E::Ordered { node } => ("ordered", Some(node)),
        E::KeptDown { node, .. } => ("kept-down", Some(node)),
        E::Back { node } => ("back", Some(node)),
        E::Paused(_) => ("paused", None),
        E::CalledDead { from } => ("called-dead", Some(from)),
        E::Refused { from, .. } => ("refused", Some(from)),
        _ => ("other", None),
    }
}

/// Returns a time as RFC 3339 writes it, in milliseconds.
fn rfc3339(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_texts_and_name_their_zone() {
        let at = |nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
        assert_eq!(rfc3339(at(0)), "1970-01-01T00:00:00.000Z");
        let later = at(1_796_083_200_045_000_000);
        assert_eq!(rfc3339(later), "2026-12-01T00:00:00.045Z");
    }
}
