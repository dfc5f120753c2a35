//! The tasks of a client, and their end.

use std::time::Duration;

use tokio::task::JoinSet;

/// Returns whether all tasks have ended within that time.
///
/// # Cancel safety
/// Safe: tasks that have ended are forgotten, and no other.
pub(crate) async fn all_ended(tasks: &mut JoinSet<()>, within: Duration) -> bool {
    // Outside the budget of this task, so that many that have ended are not taken for late.
    while tasks.try_join_next().is_some() {}
    let ended = tokio::time::timeout(within, async { while tasks.join_next().await.is_some() {} });
    ended.await.is_ok()
}
