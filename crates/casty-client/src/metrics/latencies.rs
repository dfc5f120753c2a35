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
    share: Share,
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
            share: Share::default(),
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

    /// Tells the recorder what was counted since the last call, and has the share of the asks be timed that is
    /// of use if as many come again.
    fn tell(&self) {
        let times = self.times.iter().filter_map(OnceLock::get);
        self.share.set(times.map(Times::tell).sum());
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
}

impl Latencies {
    /// Creates what keeps the times of a client of this system, with at most so many regions.
    pub(crate) fn new(system: &str, regions: u32) -> Self {
        let system: SharedString = system.to_owned().into();
        Self {
            actors: ByOutcome::new(&system, SharedString::const_str("")),
            system,
            regions: (0..regions).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Returns whether the time of an ask that begins now is to be taken: of each, or of a share of those of
    /// its region where far more end in a second than the histogram is told of.
    ///
    /// Reading the clock twice costs more than all else that is measured of an ask.
    #[inline]
    pub(crate) fn is_next_timed(&self, region: Option<RegionId>) -> bool {
        let region = region.and_then(|id| self.place(id)?.get());
        let of = region.map_or(&self.actors, |region| region);
        of.share.takes_next()
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

    fn place(&self, id: RegionId) -> Option<&OnceLock<Box<ByOutcome>>> {
        self.regions.get(usize::try_from(id.get()).ok()?)
    }

    fn region(&self, id: RegionId, name: impl FnOnce(RegionId) -> String) -> Option<&ByOutcome> {
        let region = self.place(id)?;
        let begin = || Box::new(ByOutcome::new(&self.system, name(id).into()));
        Some(region.get_or_init(begin))
    }

    /// Tells the recorder what was counted since the last call. To be called once a second.
    pub(crate) fn tell(&self) {
        self.actors.tell();
        let regions = self.regions.iter().filter_map(OnceLock::get);
        regions.for_each(|region| region.tell());
    }
}

/// The share of asks whose time is taken: one of a power of two.
#[derive(Default)]
struct Share {
    /// The high bits that are to be clear in what the number of an ask is spread to.
    mask: AtomicU32,
}

impl Share {
    /// Sets it so that of so many asks at least [`SAMPLES`] are timed.
    fn set(&self, asks: u64) {
        let times = u32::try_from(asks / SAMPLES).unwrap_or(u32::MAX);
        let power = times.checked_ilog2().unwrap_or(0);
        // Nothing else is read by what it says.
        self.mask.store(!(u32::MAX >> power), Ordering::Relaxed);
    }

    /// Returns whether the next ask of this thread is among them.
    #[inline]
    fn takes_next(&self) -> bool {
        let mask = self.mask.load(Ordering::Relaxed);
        mask == 0
            || BEGUN.with(|begun| {
                let number = begun.get().wrapping_add(1);
                begun.set(number);
                // By the golden ratio: multiples of it are spread evenly, whatever pattern asks come in.
                number.wrapping_mul(0x9E37_79B9) & mask == 0
            })
    }
}

#[cfg(test)]
mod tests {
    use casty_routing::{Router, RouterConfig, ShardCount};

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
        let share = Share::default();
        for (asks, most) in [
            (0, 1),
            (2 * SAMPLES - 1, 1),
            (2 * SAMPLES, 2),
            (5 * SAMPLES, 4),
        ] {
            share.set(asks);
            let timed = (0..4_000).filter(|_| share.takes_next()).count();
            assert!(timed.abs_diff(4_000 / most) <= 2, "{asks}: {timed}");
        }
        share.set(u64::MAX);
        assert!((0..4_000).filter(|_| share.takes_next()).count() <= 1);
    }

    #[test]
    fn asks_that_come_in_turns_are_timed_as_often() {
        let share = Share::default();
        share.set(64 * SAMPLES);
        for turns in [2, 3, 4, 5, 8, 13, 16, 64] {
            let mut timed = vec![0_i32; turns];
            for ask in 0..64 * 1_000 * turns {
                timed[ask % turns] += i32::from(share.takes_next());
            }
            assert!(
                timed.iter().all(|timed| (900..1_100).contains(timed)),
                "{timed:?}"
            );
        }
    }

    #[test]
    fn the_share_of_a_busy_region_is_its_own_and_goes_back() {
        let latencies = Latencies::new("test", 2);
        let mut router = Router::<(), ()>::new(RouterConfig::default(), 0);
        let [quiet, busy] = ["quiet", "busy"].map(|name| {
            let shards = ShardCount::new(1).unwrap();
            router.register_region(name, shards).unwrap()
        });
        let record = |asks| {
            for _ in 0..asks {
                latencies.record(Some(busy), AskOutcome::Replied, None, |_| "busy".to_owned());
            }
        };
        let timed = |region| {
            (0..1_000)
                .filter(|_| latencies.is_next_timed(region))
                .count()
        };
        record(4 * SAMPLES);
        assert_eq!(timed(Some(busy)), 1_000);
        latencies.tell();
        assert!(timed(Some(busy)).abs_diff(250) <= 2);
        assert_eq!((timed(None), timed(Some(quiet))), (1_000, 1_000));
        latencies.tell();
        assert_eq!(timed(Some(busy)), 1_000);
    }
}
