//! Waiting for what has to end in time.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::sim::violation::Check;
use crate::sim::world::World;

/// The time by which anything may end later than its deadline: clients promise about 20 ms.
pub(super) const LATE: Duration = Duration::from_millis(40);

/// The time for an operation on a structure.
pub(super) const WITHIN: Duration = Duration::from_millis(1_500);

/// Awaits something that has to end within `limit`, and reports it if it does not; `None` if it did
/// not end within another minute.
pub(super) async fn within<T>(
    world: &World,
    (what, limit): (&str, Duration),
    future: impl Future<Output = T>,
) -> Option<T> {
    let (begun, jumped) = (Instant::now(), world.jumped());
    // What never ends must not stop the world.
    let outcome = timeout(limit + Duration::from_mins(1), future).await.ok();
    let took = world.lasted(begun, jumped);
    if took > limit + LATE {
        let what = format!("{what} of {limit:?} took {took:?}");
        world.violated(Check::Deadline, what);
    }
    outcome
}
