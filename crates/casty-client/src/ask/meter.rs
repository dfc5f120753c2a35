//! The measuring of an ask's time; nothing of it is there without the feature `metrics`.

pub(crate) use measured::Meter;

#[cfg(feature = "metrics")]
mod measured {
    use std::time::{Duration, Instant};

    use casty_routing::RegionId;

    use crate::ask::outcome::AskOutcome;
    use crate::error::AskError;
    use crate::runtime::clock::precise_now;
    use crate::send::Core;

    /// The measure of one ask.
    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct Meter {
        region: Option<RegionId>,
        time: Time,
    }

    #[derive(Debug, Clone, Copy, Default)]
    enum Time {
        /// It has not begun, or was told.
        #[default]
        None,
        /// It has begun, and its time is not taken.
        Untimed,
        Since(Instant),
        Took(Duration),
    }

    impl Meter {
        /// Names the region of the entity that is asked.
        #[inline]
        pub(crate) fn of_region(&mut self, region: RegionId) {
            self.region = Some(region);
        }

        /// Begins.
        #[inline]
        pub(crate) fn begin(&mut self, core: &Core) {
            self.time = if core.latencies.is_next_timed(self.region) {
                Time::Since(precise_now())
            } else {
                Time::Untimed
            };
        }

        /// Stops before the outcome is known in full.
        #[inline]
        pub(crate) fn stop(&mut self) {
            if let Time::Since(begun) = self.time {
                self.time = Time::Took(precise_now().saturating_duration_since(begun));
            }
        }

        /// Tells the time of an ask that ended with this error, or without one. Once.
        #[inline]
        pub(crate) fn end(&mut self, core: &Core, error: Option<&AskError>) {
            self.tell(core, AskOutcome::of(error));
        }

        /// Tells the time of an ask that was given up, unless it has ended.
        #[inline]
        pub(crate) fn abandon(&mut self, core: &Core) {
            self.tell(core, AskOutcome::Abandoned);
        }

        fn tell(&mut self, core: &Core, outcome: AskOutcome) {
            self.stop();
            let took = match std::mem::take(&mut self.time) {
                Time::None | Time::Since(_) => return,
                Time::Untimed => None,
                Time::Took(took) => Some(took),
            };
            let name = |id| core.region_name(id);
            core.latencies.record(self.region, outcome, took, name);
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod measured {
    use casty_routing::RegionId;

    use crate::error::AskError;
    use crate::send::Core;

    /// Nothing, in place of the measure of one ask.
    #[derive(Debug, Clone, Copy, Default)]
    pub(crate) struct Meter(());

    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_ref_mut,
        reason = "it stands in for one that measures"
    )]
    impl Meter {
        #[inline]
        pub(crate) fn of_region(&mut self, _: RegionId) {}

        #[inline]
        pub(crate) fn begin(&mut self, _: &Core) {}

        #[inline]
        pub(crate) fn stop(&mut self) {}

        #[inline]
        pub(crate) fn end(&mut self, _: &Core, _: Option<&AskError>) {}

        #[inline]
        pub(crate) fn abandon(&mut self, _: &Core) {}
    }
}
