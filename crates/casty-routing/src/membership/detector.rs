//! The phi accrual failure detector: how sure it is that a node is dead, from when it was heard.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

/// The settings of a failure detector. The defaults are those of Casty's nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct DetectorConfig {
    /// The suspicion at which a node counts as dead: 8 is one wrong verdict in 10^8, if the intervals were as
    /// random as they are taken to be. Default 8.
    pub threshold: f64,
    /// The most intervals that are kept of each node. Default 200.
    pub samples: usize,
    /// The least standard deviation that is reckoned with. Default 100 ms.
    pub min_deviation: Duration,
    /// The time that is granted besides, for pauses. Default 0.
    pub acceptable_pause: Duration,
    /// The interval that is expected before two were seen, with a quarter of it as the deviation. Default 1 s.
    pub first_estimate: Duration,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self {
            threshold: 8.0,
            samples: 200,
            min_deviation: Duration::from_millis(100),
            acceptable_pause: Duration::ZERO,
            first_estimate: Duration::from_secs(1),
        }
    }
}

/// The detector: the intervals of each node that was ever heard.
#[derive(Debug)]
pub(super) struct Detector {
    config: DetectorConfig,
    nodes: BTreeMap<NodeAddress, Intervals>,
}

#[derive(Debug)]
struct Intervals {
    last: Instant,
    /// In milliseconds.
    seen: VecDeque<f64>,
}

impl Detector {
    pub(super) fn new(config: DetectorConfig) -> Self {
        Self {
            config,
            nodes: BTreeMap::new(),
        }
    }

    /// Notes that a node was heard.
    pub(super) fn heard(&mut self, now: Instant, node: &NodeAddress) {
        let was_silent = self.phi(now, node) >= self.config.threshold;
        let Some(intervals) = self.nodes.get_mut(node) else {
            return self.expect(now, node);
        };
        let is_first = now < intervals.last;
        let interval = now.saturating_duration_since(intervals.last);
        intervals.last = now;
        if is_first || was_silent {
            // It was expected later, and there is no interval yet; or it is back after a silence that would have
            // the next one go unnoticed for as long.
            return;
        }
        if intervals.seen.len() >= self.config.samples {
            intervals.seen.pop_front();
        }
        intervals.seen.push_back(millis(interval));
    }

    /// Has a node counted as heard at that time, which may be still to come; without it, one that never answers
    /// is never suspected. What was seen of it before is forgotten.
    pub(super) fn expect(&mut self, at: Instant, node: &NodeAddress) {
        let seen = VecDeque::new();
        self.nodes
            .insert(node.clone(), Intervals { last: at, seen });
    }

    /// Has all nodes counted as heard now: nothing could be heard for a while.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        for intervals in self.nodes.values_mut() {
            intervals.last = now.max(intervals.last);
        }
    }

    /// Returns whether a node was heard, or is expected to be.
    pub(super) fn knows(&self, node: &NodeAddress) -> bool {
        self.nodes.contains_key(node)
    }

    /// Forgets a node.
    pub(super) fn forget(&mut self, node: &NodeAddress) {
        self.nodes.remove(node);
    }

    /// Forgets all nodes but some.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&NodeAddress) -> bool) {
        self.nodes.retain(|node, _| keep(node));
    }

    /// Returns the nodes that count as dead, each with the suspicion.
    pub(super) fn suspects(&self, now: Instant) -> Vec<(NodeAddress, f64)> {
        let suspicions = self.nodes.keys().map(|node| (node, self.phi(now, node)));
        let dead = suspicions.filter(|(_, phi)| *phi >= self.config.threshold);
        dead.map(|(node, phi)| (node.clone(), phi)).collect()
    }

    /// Returns the suspicion that a node is dead: the negative decimal logarithm of the probability that an
    /// answer comes this late; 0 for one that was never heard.
    fn phi(&self, now: Instant, node: &NodeAddress) -> f64 {
        let Some(intervals) = self.nodes.get(node) else {
            return 0.0;
        };
        let silent = millis(now.saturating_duration_since(intervals.last));
        let (mean, deviation) = self.expected(intervals);
        let mean = mean + millis(self.config.acceptable_pause);
        let late = (silent - mean) / deviation;
        // The complement is exact where 1 - CDF is rounded to nothing.
        let probability = 0.5 * libm::erfc(late / std::f64::consts::SQRT_2);
        -probability.log10()
    }

    /// Returns the mean and the standard deviation that are reckoned with, in milliseconds.
    fn expected(&self, intervals: &Intervals) -> (f64, f64) {
        let seen = &intervals.seen;
        if seen.len() < 2 {
            let mean = millis(self.config.first_estimate);
            return (mean, mean / 4.0);
        }
        // A ring of that length is far from where numbers are rounded.
        #[expect(clippy::cast_precision_loss)]
        let count = seen.len() as f64;
        let mean = seen.iter().sum::<f64>() / count;
        let squares: f64 = seen.iter().map(|interval| (interval - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0)).sqrt();
        (mean, deviation.max(millis(self.config.min_deviation)))
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> NodeAddress {
        NodeAddress::new("a", 1)
    }

    impl Detector {
        fn verdict(&self, now: Instant) -> Option<f64> {
            let suspects = self.suspects(now);
            suspects.first().map(|(_, phi)| *phi)
        }
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    /// A detector that heard a node each half second, and when it did so last.
    fn steady(start: Instant) -> (Detector, Instant) {
        let mut detector = Detector::new(DetectorConfig::default());
        for beat in 0..10 {
            detector.heard(after(start, beat * 500), &node());
        }
        (detector, after(start, 9 * 500))
    }

    #[test]
    fn a_silence_that_has_ended_does_not_hide_the_next_one() {
        let (mut detector, last) = steady(Instant::now());
        let back = after(last, 12_000);
        assert!(detector.verdict(back).is_some());
        detector.heard(back, &node());
        assert!(detector.verdict(after(back, 1_050)).is_none());
        assert!(detector.verdict(after(back, 1_070)).is_some());
    }

    #[test]
    fn the_suspicion_is_that_of_a_normal_distribution() {
        let (detector, last) = steady(Instant::now());
        // The mean is 500 ms, the deviation the least, 100 ms. The values are those of casty 0.21's own
        // detector.
        for (silent, phi) in [
            (500, 2_f64.log10()),
            (700, 1.643_015_616),
            (1_050, 7.721_244),
        ] {
            let found = detector.phi(after(last, silent), &node());
            assert!((found - phi).abs() < 1e-3, "{silent} ms: {found}");
        }
        assert!(detector.verdict(after(last, 1_050)).is_none());
        assert!(detector.verdict(after(last, 1_070)).is_some());
        assert!(detector.verdict(after(last, 60_000)).is_some());
    }

    #[test]
    fn one_that_was_never_heard_is_not_suspected_unless_it_is_expected() {
        let start = Instant::now();
        let mut detector = Detector::new(DetectorConfig::default());
        let much_later = after(start, 3_600_000);
        assert_eq!(detector.verdict(much_later), None);
        detector.expect(after(start, 5_000), &node());
        assert_eq!(detector.verdict(after(start, 7_000)), None);
        assert!(detector.verdict(after(start, 7_600)).is_some());
        detector.forget(&node());
        assert_eq!(detector.verdict(much_later), None);
    }

    #[test]
    fn an_answer_that_comes_before_it_is_expected_is_no_interval_of_nothing() {
        let start = Instant::now();
        let mut detector = Detector::new(DetectorConfig::default());
        detector.expect(after(start, 5_000), &node());
        for beat in 1..4 {
            detector.heard(after(start, beat * 500), &node());
        }
        // Two intervals of 500 ms: silent for as long as the steady one is suspected.
        assert_eq!(detector.verdict(after(start, 1_500 + 1_050)), None);
        assert!(detector.verdict(after(start, 1_500 + 1_070)).is_some());
    }

    #[test]
    fn settings_that_make_no_sense_give_a_verdict_or_none_and_no_panic() {
        let config = DetectorConfig {
            samples: 0,
            min_deviation: Duration::ZERO,
            first_estimate: Duration::ZERO,
            acceptable_pause: Duration::MAX,
            ..DetectorConfig::default()
        };
        let start = Instant::now();
        let mut detector = Detector::new(config);
        for beat in 0..5 {
            detector.heard(after(start, beat * 500), &node());
        }
        assert_eq!(detector.verdict(after(start, 3_600_000)), None);
        detector.config.acceptable_pause = Duration::ZERO;
        assert!(detector.verdict(after(start, 3_600_000)).is_some());
    }

    #[test]
    fn what_could_not_be_heard_is_no_evidence() {
        let (mut detector, last) = steady(Instant::now());
        let woken = after(last, 6_000);
        assert!(detector.verdict(woken).is_some());
        detector.begin_anew(woken);
        assert_eq!(detector.verdict(after(woken, 900)), None);
        assert!(detector.verdict(after(woken, 1_100)).is_some());
    }
}
