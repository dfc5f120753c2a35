//! Acquires that end without their caller, on a node that is played by hand: whatever the node grants
//! afterwards is released, and nobody is left waiting in its queue.

use std::time::Duration;

use casty_client::{AcquireError, AskError, Lock, ShardEnvelope, StructureError};
use casty_proto::message::structures::lock::{
    LockAcquire, LockAcquired, LockRelease, LockReleased, LockTryAcquire, LockTryResult,
};
use tokio::time::Instant;

use crate::host::Host;
use crate::node::in_paused_time;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything is repeated after.
const LONG: Duration = Duration::from_secs(40);
/// Shorter than the time after which the client looks for what it left.
const SHORT: Duration = Duration::from_secs(20);

async fn hosted() -> (Host, Lock) {
    let host = Host::of("d-lock-door").await;
    let door = host.structures().within(SECOND).lock("door").unwrap();
    (host, door)
}

/// Grants what was asked for, and expects it back; after that nothing more comes.
async fn granted_in_vain(mut host: Host, asked: &LockAcquire) {
    let granted = LockAcquired { granted: true };
    host.reply(&asked.reply_to, &granted).await;
    host.releases(&asked.owner, true).await;
    host.is_left_alone(LONG).await;
    host.close().await;
}

#[track_caller]
fn assert_lost(error: &AcquireError) {
    assert!(
        matches!(
            error,
            AcquireError::Structure(StructureError::Ask(AskError::Lost { .. }))
        ),
        "{error:?}"
    );
    assert!(error.may_hold());
}

#[test]
fn a_lock_that_is_granted_when_the_time_is_over_is_released() {
    in_paused_time(|| async {
        let (mut host, door) = hosted().await;
        let (outcome, asked) = tokio::join!(door.acquire(), host.asked::<LockAcquire>());
        let error = outcome.unwrap_err();
        assert!(
            matches!(error, AcquireError::Timeout { after: SECOND }),
            "{error:?}"
        );
        assert!(error.may_hold());
        host.is_left_alone(SHORT).await;
        granted_in_vain(host, &asked).await;
    });
}

#[test]
fn a_lock_whose_acquire_was_dropped_is_released_when_it_is_granted() {
    in_paused_time(|| async {
        let (mut host, door) = hosted().await;
        let waiting = tokio::spawn(async move { door.acquire_within(LONG).await });
        let asked: LockAcquire = host.asked().await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        host.is_left_alone(SHORT).await;
        granted_in_vain(host, &asked).await;
    });
}

#[test]
fn a_lock_that_is_granted_while_the_connection_is_lost_is_released_on_the_next() {
    in_paused_time(|| async {
        let (mut host, door) = hosted().await;
        let lost = host.asked_in_vain::<LockAcquire>();
        let (outcome, asked) = tokio::join!(door.acquire_within(LONG), lost);
        assert_lost(&outcome.unwrap_err());
        host.releases(&asked.owner, true).await;
        host.is_left_alone(LONG).await;
        host.close().await;
    });
}

#[test]
fn a_connection_that_is_lost_after_the_time_is_over_leaves_no_lock_held() {
    in_paused_time(|| async {
        let (mut host, door) = hosted().await;
        let (outcome, asked) = tokio::join!(door.acquire(), host.asked::<LockAcquire>());
        assert!(matches!(outcome, Err(AcquireError::Timeout { .. })));
        host.reconnected().await;
        // It waits in the queue still, and has its turn in the end.
        for released in [false, false, true] {
            host.releases(&asked.owner, released).await;
        }
        host.is_left_alone(LONG).await;
        host.close().await;
    });
}

#[test]
fn an_acquire_that_was_lost_before_the_node_had_it_is_forgotten_once_the_lock_is_found_free() {
    in_paused_time(|| async {
        let (mut host, door) = hosted().await;
        let begun = Instant::now();
        let lost = host.asked_in_vain::<LockAcquire>();
        let (outcome, asked) = tokio::join!(door.acquire_within(LONG), lost);
        assert_lost(&outcome.unwrap_err());
        // For so long the node may still read what the lost connection had brought.
        let tried = loop {
            let received = host.next().await;
            if let Ok(tried) = received.try_decode::<ShardEnvelope<LockTryAcquire>>() {
                break tried.message;
            }
            let release: ShardEnvelope<LockRelease> = received.decode();
            let released = LockReleased { released: false };
            host.reply(&release.message.reply_to, &released).await;
        };
        assert!(begun.elapsed() >= Duration::from_secs(15));
        assert_eq!(tried.owner, asked.owner);
        let acquired = LockTryResult { acquired: true };
        host.reply(&tried.reply_to, &acquired).await;
        for released in [true, false] {
            host.releases(&asked.owner, released).await;
        }
        host.is_left_alone(LONG).await;
        host.close().await;
    });
}

#[test]
fn a_try_whose_reply_is_lost_is_released_on_the_next_connection() {
    in_paused_time(|| async {
        let (mut host, door) = hosted().await;
        let lost = host.asked_in_vain::<LockTryAcquire>();
        let (outcome, asked) = tokio::join!(door.try_acquire(), lost);
        assert_lost(&outcome.unwrap_err());
        host.releases(&asked.owner, true).await;
        host.is_left_alone(LONG).await;
        host.close().await;
    });
}

#[test]
fn a_try_that_is_answered_when_the_time_is_over_is_released() {
    in_paused_time(|| async {
        let (mut host, door) = hosted().await;
        let (outcome, asked) = tokio::join!(door.try_acquire(), host.asked::<LockTryAcquire>());
        let error = outcome.unwrap_err();
        assert!(
            matches!(
                error,
                AcquireError::Structure(StructureError::Ask(AskError::Timeout { .. }))
            ),
            "{error:?}"
        );
        assert!(error.may_hold());
        let acquired = LockTryResult { acquired: true };
        host.reply(&asked.reply_to, &acquired).await;
        host.releases(&asked.owner, true).await;
        host.is_left_alone(LONG).await;
        host.close().await;
    });
}
