//! The times of asks, by region and outcome.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use casty_routing::RegionId;
use metrics::{Label, SharedString};

use super::table::{ASK_DURATION, ASKS, OUTCOME, REGION, SYSTEM};
use super::times::{SAMPLES, Times};
use crate::ask::outcome::AskOutcome;
use crate::error::kind::ErrorKind;

thread_local! {
    /// The asks that this thread has begun, of whichever client; it wraps.
    static BEGUN: Cell<u32> = const { Cell::new(0) };
}

impl AskOutcome {
    /// The number of outcomes.
    const COUNT: usize = 9;

    /// Each outcome, in the order of their places.
    const ALL: [Self; Self::COUNT] = [
        Self::Replied,
        Self::Failed(ErrorKind::Busy),
        Self::Failed(ErrorKind::Unavailable),
        Self::Failed(ErrorKind::TimedOut),
        Self::Failed(ErrorKind::Lost),
        Self::Failed(ErrorKind::Refused),
        Self::Failed(ErrorKind::Bug),
        Self::Failed(ErrorKind::Closed),
        Self::Abandoned,
    ];

    /// Returns its place among all.
    fn place(self) -> usize {
        match self {
            Self::Replied => 0,
            Self::Failed(ErrorKind::Busy) => 1,
            Self::Failed(ErrorKind::Unavailable) => 2,
            Self::Failed(ErrorKind::TimedOut) => 3,
            Self::Failed(ErrorKind::Lost) => 4,
            Self::Failed(ErrorKind::Refused) => 5,
            Self::Failed(ErrorKind::Bug) => 6,
            Self::Failed(ErrorKind::Closed) => 7,
            Self::Abandoned => 8,
        }
    }
}

/// The times of one region, or of actors, each made when it is first needed; their counters are there from the
/// beginning.
struct ByOutcome {
    region: SharedString,
    times: [OnceLock<Times>; AskOutcome::COUNT],
}

impl ByOutcome {
    fn new(system: &SharedString, region: SharedString) -> Self {
        for outcome in AskOutcome::ALL {
            // A series that begins with its first count shows no rate of it.
            metrics::counter!(ASKS, labels(system, &region, outcome)).increment(0);
        }
        Self {
            region,
            times: Default::default(),
        }
    }

    fn record(&self, system: &SharedString, outcome: AskOutcome, took: Option<Duration>) {
        let make = || {
            let labels = labels(system, &self.region, outcome);
            let counter = metrics::counter!(ASKS, labels.clone());
            Times::new(counter, metrics::histogram!(ASK_DURATION, labels))
        };
        if let Some(times) = self.times.get(outcome.place()) {
            times.get_or_init(make).count(took);
        }
    }

    fn tell(&self) -> u64 {
        let times = self.times.iter().filter_map(OnceLock::get);
        times.map(Times::tell).sum()
    }
}

/// Returns the labels of asks of one region that end in one way.
fn labels(system: &SharedString, region: &SharedString, outcome: AskOutcome) -> Vec<Label> {
    vec![
        Label::new(SYSTEM, system.clone()),
        Label::new(REGION, region.clone()),
        Label::new(OUTCOME, outcome.as_str()),
    ]
}

/// The times of one client's asks. Nothing is locked, and nothing allocated but for what is new.
pub(crate) struct Latencies {
    system: SharedString,
    /// The times of asks of anything but entities.
    actors: ByOutcome,
    /// The times of the regions, by number, as many as there may be.
    regions: Box<[OnceLock<Box<ByOutcome>>]>,
    /// The asks of a thread whose time is not taken between two whose is: a power of two less one.
    untimed_between: AtomicU32,
}

impl Latencies {
    /// Creates what keeps the times of a client of this system, with at most so many regions.
    pub(crate) fn new(system: &str, regions: u32) -> Self {
        let system: SharedString = system.to_owned().into();
        Self {
            actors: ByOutcome::new(&system, SharedString::const_str("")),
            system,
            regions: (0..regions).map(|_| OnceLock::new()).collect(),
            untimed_between: AtomicU32::new(0),
        }
    }

    /// Returns whether the time of an ask that begins now is to be taken: of each, or of as many as the
    /// histograms are told of where far more end in a second.
    ///
    /// Reading the clock twice costs more than all else that is measured of an ask.
    #[inline]
    pub(crate) fn is_next_timed(&self) -> bool {
        // Nothing else is read by what it says.
        let between = self.untimed_between.load(Ordering::Relaxed);
        between == 0
            || BEGUN.with(|begun| {
                let number = begun.get().wrapping_add(1);
                begun.set(number);
                number & between == 0
            })
    }

    /// Takes up a region, so that its counters are there before an ask ends; `name` is called the first time.
    pub(crate) fn begin(&self, id: RegionId, name: impl FnOnce(RegionId) -> String) {
        self.region(id, name);
    }

    /// Counts an ask, and its time if it was taken; `name` is called for the first of a region.
    pub(crate) fn record(
        &self,
        region: Option<RegionId>,
        outcome: AskOutcome,
        took: Option<Duration>,
        name: impl FnOnce(RegionId) -> String,
    ) {
        let region = region.and_then(|id| self.region(id, name));
        let of = region.unwrap_or(&self.actors);
        of.record(&self.system, outcome, took);
    }

    fn region(&self, id: RegionId, name: impl FnOnce(RegionId) -> String) -> Option<&ByOutcome> {
        let region = self.regions.get(usize::try_from(id.get()).ok()?)?;
        let begin = || Box::new(ByOutcome::new(&self.system, name(id).into()));
        Some(region.get_or_init(begin))
    }

    /// Tells the recorder what was counted since the last call, and takes the times of as many of the asks to
    /// come as are of use if they come as fast. To be called once a second.
    pub(crate) fn tell(&self) {
        let regions = self.regions.iter().filter_map(OnceLock::get);
        let of_regions: u64 = regions.map(|region| region.tell()).sum();
        let asks = self.actors.tell() + of_regions;
        self.untimed_between
            .store(untimed_between(asks), Ordering::Relaxed);
    }
}

/// Returns how many asks may go untimed between two, so that of so many at least [`SAMPLES`] are timed: a power
/// of two less one.
fn untimed_between(asks: u64) -> u32 {
    let share = u32::try_from(asks / SAMPLES).unwrap_or(u32::MAX);
    share.checked_ilog2().map_or(0, |power| (1 << power) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_place_and_a_label_of_its_own() {
        let all = AskOutcome::ALL;
        let places: Vec<_> = all.iter().map(|outcome| outcome.place()).collect();
        assert_eq!(places, (0..AskOutcome::COUNT).collect::<Vec<_>>());
        let mut labels: Vec<_> = all.iter().map(|outcome| outcome.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), AskOutcome::COUNT);
    }

    #[test]
    fn all_asks_are_timed_until_there_are_twice_as_many_as_are_told() {
        let between =
            [0, 1, SAMPLES, 2 * SAMPLES - 1, 2 * SAMPLES, 5 * SAMPLES].map(untimed_between);
        assert_eq!(between, [0, 0, 0, 0, 1, 3]);
        assert_eq!(untimed_between(u64::MAX), u32::MAX >> 1);
        let latencies = Latencies::new("test", 1);
        assert!((0..100).all(|_| latencies.is_next_timed()));
        latencies.untimed_between.store(3, Ordering::Relaxed);
        let timed = (0..400).filter(|_| latencies.is_next_timed());
        assert_eq!(timed.count(), 100);
    }
}
