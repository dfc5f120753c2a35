//! The times of asks, by region and outcome.

use std::sync::OnceLock;
use std::time::Duration;

use casty_routing::RegionId;
use metrics::{Label, SharedString};

use super::table::{ASK_DURATION, ASKS, OUTCOME, REGION, SYSTEM};
use super::times::Times;
use crate::ask::outcome::AskOutcome;
use crate::error::kind::ErrorKind;

impl AskOutcome {
    /// The number of outcomes.
    const COUNT: usize = 9;

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

/// The times of one region, or of actors, each made when it is first needed.
struct ByOutcome {
    region: SharedString,
    times: [OnceLock<Times>; AskOutcome::COUNT],
}

impl ByOutcome {
    fn new(region: SharedString) -> Self {
        Self {
            region,
            times: Default::default(),
        }
    }

    fn record(&self, system: &SharedString, outcome: AskOutcome, took: Duration) {
        let make = || {
            let labels = vec![
                Label::new(SYSTEM, system.clone()),
                Label::new(REGION, self.region.clone()),
                Label::new(OUTCOME, outcome.as_str()),
            ];
            let counter = metrics::counter!(ASKS, labels.clone());
            Times::new(counter, metrics::histogram!(ASK_DURATION, labels))
        };
        if let Some(times) = self.times.get(outcome.place()) {
            times.get_or_init(make).count(took);
        }
    }

    fn tell(&self) {
        self.times
            .iter()
            .filter_map(OnceLock::get)
            .for_each(Times::tell);
    }
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
        Self {
            system: system.to_owned().into(),
            actors: ByOutcome::new(SharedString::const_str("")),
            regions: (0..regions).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Counts the time of an ask; `name` is called for the first of a region.
    pub(crate) fn record(
        &self,
        region: Option<RegionId>,
        outcome: AskOutcome,
        took: Duration,
        name: impl FnOnce(RegionId) -> String,
    ) {
        let place = |id: RegionId| {
            let place = usize::try_from(id.get()).ok()?;
            let region = self.regions.get(place)?;
            Some(&**region.get_or_init(|| Box::new(ByOutcome::new(name(id).into()))))
        };
        let of = region.and_then(place).unwrap_or(&self.actors);
        of.record(&self.system, outcome, took);
    }

    /// Tells the recorder what was counted since the last call.
    pub(crate) fn tell(&self) {
        self.actors.tell();
        let regions = self.regions.iter().filter_map(OnceLock::get);
        regions.for_each(|region| region.tell());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_place_and_a_label_of_its_own() {
        let kinds = [
            ErrorKind::Busy,
            ErrorKind::Unavailable,
            ErrorKind::TimedOut,
            ErrorKind::Lost,
            ErrorKind::Refused,
            ErrorKind::Bug,
            ErrorKind::Closed,
        ];
        let failed = kinds.into_iter().map(AskOutcome::Failed);
        let all: Vec<_> = [AskOutcome::Replied]
            .into_iter()
            .chain(failed)
            .chain([AskOutcome::Abandoned])
            .collect();
        let places: Vec<_> = all.iter().map(|outcome| outcome.place()).collect();
        assert_eq!(places, (0..AskOutcome::COUNT).collect::<Vec<_>>());
        let mut labels: Vec<_> = all.iter().map(|outcome| outcome.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), AskOutcome::COUNT);
    }
}
