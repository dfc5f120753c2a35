//! The reasons that were told in the log, so that each is told once, and again when it changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

/// The number of nodes of which something is kept.
const NODES: usize = 64;
/// The number of reasons of a node that are kept.
const REASONS: usize = 8;
/// The time after which a node's reason that changes is told although it was told before.
const AGAIN: Duration = Duration::from_mins(1);

/// The reasons that were told of each node.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<NodeAddress, Reasons>);

/// The reasons that were told of one node, or of anything else.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    last: String,
    told: Vec<String>,
    /// The time at which one was told last.
    at: Option<Instant>,
}

impl Told {
    /// Notes the reason of a node. Returns whether it is to be told: it is the node's first, or
    /// another than before. One that comes and goes is told once in a while.
    pub(super) fn is_news(&mut self, now: Instant, node: &NodeAddress, reason: &str) -> bool {
        if self.0.len() >= NODES && !self.0.contains_key(node) {
            return false;
        }
        let reasons = self.0.entry(node.clone()).or_default();
        reasons.is_news(now, reason)
    }

    /// Forgets a node: whatever comes next is told.
    pub(super) fn forget(&mut self, node: &NodeAddress) {
        self.0.remove(node);
    }

    /// Forgets all nodes but these.
    pub(super) fn retain(&mut self, mut kept: impl FnMut(&NodeAddress) -> bool) {
        self.0.retain(|node, _| kept(node));
    }
}

impl Reasons {
    /// Notes a reason. Returns whether it is to be told, as [`Told::is_news`] does.
    pub(super) fn is_news(&mut self, now: Instant, reason: &str) -> bool {
        let reason = without_numbers(reason);
        if self.at.is_some() && self.last == reason {
            return false;
        }
        let new = !self.told.contains(&reason) && self.told.len() < REASONS;
        if new {
            self.told.push(reason.clone());
        }
        self.last = reason;
        let told = new || self.at.is_none_or(|at| now >= at + AGAIN);
        if told {
            self.at = Some(now);
        }
        told
    }
}

/// Returns a reason without its numbers, which differ from time to time: the offset of a fault, how
/// long something took.
fn without_numbers(reason: &str) -> String {
    let number = |letter: &char| letter.is_ascii_digit() || *letter == '.';
    reason.chars().filter(|letter| !number(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_and_again_when_it_changes() {
        let (mut told, mut now) = (Told::default(), Instant::now());
        let node = NodeAddress::new("a", 1);
        for (reason, expected) in [
            ("refused", true),
            ("refused", false),
            ("TLS is wanted", true),
            ("no answer within 2s", true),
            ("no answer within 1.97s", false),
            ("refused", false),
            ("TLS is wanted", false),
        ] {
            assert_eq!(told.is_news(now, &node, reason), expected, "{reason}");
        }
        now += AGAIN;
        assert!(!told.is_news(now, &node, "TLS is wanted"), "no change");
        assert!(told.is_news(now, &node, "refused"));
        assert!(!told.is_news(now, &node, "TLS is wanted"), "so soon");
        told.forget(&node);
        assert!(told.is_news(now, &node, "refused"));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut told, now) = (Told::default(), Instant::now());
        let of = |number: usize| NodeAddress::new(format!("n{number}"), 1);
        let news = (0..1_000).filter(|number| told.is_news(now, &of(*number), "refused"));
        assert_eq!(news.count(), NODES);
        let reasons = (b'a'..=b'z').map(|letter| char::from(letter).to_string());
        let news: Vec<_> = reasons.filter(|it| told.is_news(now, &of(0), it)).collect();
        assert_eq!(news.len(), REASONS - 1);
        told.retain(|node| *node == of(1));
        assert_eq!(told.0.len(), 1);
    }
}
