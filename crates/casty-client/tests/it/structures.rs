//! Distributed structures on a node that is played by hand: the replies of other versions, what is lost,
//! and what no node hosts.

use std::time::Duration;

use casty_client::{AcquireError, AskError, Fate, Released, StructureError, Value};
use casty_proto::message::structures::barrier::BarrierArrive;
use casty_proto::message::structures::counter::{GetValue, Increment};
use casty_proto::message::structures::lock::LockAcquire;
use casty_proto::message::structures::queue::{Dequeue, Peek};
use casty_proto::message::structures::semaphore::{
    SemaphoreAcquire, SemaphoreRelease, SemaphoreReleased,
};
use tokio::time::Instant;

use crate::host::Host;
use crate::node::in_paused_time;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything is repeated after.
const LONG: Duration = Duration::from_secs(40);

/// Returns a reply of the version after casty 0.21, which says whether it grants.
fn granting(class: &str, granted: bool) -> Value {
    Value::object(class, [("granted", granted)])
}

#[test]
fn a_queue_of_the_next_version_tells_a_value_that_is_none_from_no_value() {
    in_paused_time(|| async {
        let mut host = Host::of("d-queue-jobs").await;
        let jobs = host.structures().queue::<Option<i64>>("jobs").unwrap();
        let some =
            |value: Value| Value::object("casty.distributed._optional.Some", [("value", value)]);
        let empty = Value::object::<&str, Value>("casty.distributed._optional._Empty", []);
        let replies = [
            (some(Value::Int(7)), Some(Some(7))),
            (some(Value::None), Some(None)),
            (empty, None),
            // Those of casty 0.21.
            (Value::Int(7), Some(Some(7))),
            (Value::None, None),
        ];
        for (reply, expected) in replies {
            let answered = async {
                let asked: Peek<Value> = host.asked().await;
                host.reply(&asked.reply_to, &reply).await;
                let asked: Dequeue<Value> = host.asked().await;
                host.reply(&asked.reply_to, &reply).await;
            };
            let read = async { (jobs.peek().await.unwrap(), jobs.dequeue().await.unwrap()) };
            let (read, ()) = tokio::join!(read, answered);
            assert_eq!(read, (expected, expected), "{reply:?}");
        }
        host.close().await;
    });
}

#[test]
fn a_lock_of_the_next_version_that_says_what_it_grants_is_held_or_refused() {
    in_paused_time(|| async {
        const ACQUIRED: &str = "casty.distributed.lock.LockAcquired";
        let mut host = Host::of("d-lock-door").await;
        let door = host.structures().lock("door").unwrap();
        let refused = async {
            let asked: LockAcquire = host.asked().await;
            host.reply(&asked.reply_to, &granting(ACQUIRED, false))
                .await;
        };
        let (outcome, ()) = tokio::join!(door.acquire(), refused);
        let refused = outcome.unwrap_err();
        assert!(matches!(refused, AcquireError::Refused), "{refused:?}");
        assert!(!refused.may_hold());
        host.is_left_alone(LONG).await;
        let granted = async {
            let asked: LockAcquire = host.asked().await;
            host.reply(&asked.reply_to, &granting(ACQUIRED, true)).await;
            asked.owner
        };
        let (guard, owner) = tokio::join!(door.acquire(), granted);
        let guard = guard.unwrap();
        assert_eq!(guard.owner(), owner);
        let (released, ()) = tokio::join!(guard.release(), host.releases(&owner, true));
        assert_eq!(released.unwrap(), Released::Freed);
        host.close().await;
    });
}

#[test]
fn a_permit_that_is_refused_is_none_and_one_that_is_granted_too_late_goes_back() {
    in_paused_time(|| async {
        const ACQUIRED: &str = "casty.distributed.semaphore.SemaphoreAcquired";
        let mut host = Host::of("d-sem-pool").await;
        let pool = host.structures().semaphore("pool").unwrap();
        let refused = async {
            let asked: SemaphoreAcquire = host.asked().await;
            host.reply(&asked.reply_to, &granting(ACQUIRED, false))
                .await;
        };
        let (outcome, ()) = tokio::join!(pool.acquire(), refused);
        assert!(matches!(outcome, Err(AcquireError::Refused)), "{outcome:?}");
        // Nodes never tell how many permits there are: who finds none free waits.
        let (outcome, asked) = tokio::join!(
            pool.acquire_within(SECOND),
            host.asked::<SemaphoreAcquire>()
        );
        let late = outcome.unwrap_err();
        assert!(
            matches!(late, AcquireError::Timeout { after: SECOND }),
            "{late:?}"
        );
        host.reply(&asked.reply_to, &granting(ACQUIRED, true)).await;
        let release: SemaphoreRelease = host.asked().await;
        assert_eq!(release.owner, asked.owner);
        let released = SemaphoreReleased { released: true };
        host.reply(&release.reply_to, &released).await;
        host.is_left_alone(LONG).await;
        host.close().await;
    });
}

#[test]
fn a_barrier_of_the_next_version_names_the_number_that_others_expect() {
    in_paused_time(|| async {
        let mut host = Host::of("d-barrier-start").await;
        let start = host.structures().barrier("start").unwrap();
        let class = |name: &str| format!("casty.distributed.barrier.{name}");
        let replies = [
            Value::object(class("BarrierMismatch"), [("expected", Value::Int(3))]),
            Value::object::<&str, Value>(class("BarrierReleased"), []),
        ];
        let mut outcomes = Vec::new();
        for reply in replies {
            let answered = async {
                let asked: BarrierArrive = host.asked().await;
                assert_eq!((&*asked.node, asked.expected), ("me", 2));
                host.reply(&asked.reply_to, &reply).await;
            };
            let (outcome, ()) = tokio::join!(start.arrive_as("me", 2), answered);
            outcomes.push(outcome);
        }
        let [Err(other), Ok(())] = &outcomes[..] else {
            panic!("{outcomes:?}");
        };
        assert!(
            matches!(other, StructureError::OtherExpected { expected: 3 }),
            "{other:?}"
        );
        assert_eq!(other.fate(), Fate::Written);
        host.close().await;
    });
}

#[test]
fn an_arrival_that_is_not_released_names_itself_so_that_it_can_wait_again() {
    in_paused_time(|| async {
        let mut host = Host::of("d-barrier-start").await;
        let start = host
            .structures()
            .within(5 * SECOND)
            .barrier("start")
            .unwrap();
        let mut arrived = Vec::new();
        let (outcome, asked) = tokio::join!(start.arrive(2), host.asked::<BarrierArrive>());
        arrived.push(asked.node);
        let late = outcome.unwrap_err();
        assert_eq!(late.fate(), Fate::Unknown);
        let StructureError::NotReleased { name, source } = &late else {
            panic!("{late:?}");
        };
        assert!(matches!(**source, AskError::Timeout { .. }), "{source:?}");
        assert!(late.to_string().contains(&**name), "{late}");

        // The connection is lost in place of a reply.
        let lost = host.asked_in_vain::<BarrierArrive>();
        let (outcome, asked) = tokio::join!(start.arrive_as(name, 2), lost);
        arrived.push(asked.node);
        let lost = outcome.unwrap_err();
        let StructureError::NotReleased { name, source } = &lost else {
            panic!("{lost:?}");
        };
        assert!(matches!(**source, AskError::Lost { .. }), "{source:?}");

        let answered = async {
            let asked: BarrierArrive = host.asked().await;
            let released =
                Value::object::<&str, Value>("casty.distributed.barrier.BarrierReleased", []);
            host.reply(&asked.reply_to, &released).await;
            asked.node
        };
        let (outcome, node) = tokio::join!(start.arrive_as(name, 2), answered);
        outcome.unwrap();
        arrived.push(node);
        assert_eq!(arrived, [&**name; 3], "it is counted once");
        host.close().await;
    });
}

#[test]
fn an_increment_that_may_have_happened_is_not_sent_twice_and_a_read_is() {
    in_paused_time(|| async {
        let mut host = Host::of("d-counter-hits").await;
        let hits = host.structures().counter("hits").unwrap();
        let lost = host.asked_in_vain::<Increment>();
        let (outcome, asked) = tokio::join!(hits.increment(2), lost);
        assert_eq!(asked.amount, 2);
        assert_lost(&outcome.unwrap_err());
        host.is_left_alone(LONG).await;
        host.close().await;

        let mut host = Host::of("d-counter-hits").await;
        let hits = host.structures().counter("hits").unwrap();
        let answered = async {
            let _: GetValue = host.asked_in_vain().await;
            let asked: GetValue = host.asked().await;
            host.reply(&asked.reply_to, &2).await;
        };
        let (read, ()) = tokio::join!(hits.get(), answered);
        assert_eq!(read.unwrap(), 2);
        host.close().await;
    });
}

#[test]
fn a_value_whose_taking_may_have_happened_is_not_taken_twice() {
    in_paused_time(|| async {
        let mut host = Host::of("d-queue-jobs").await;
        let jobs = host.structures().queue::<i64>("jobs").unwrap();
        let lost = host.asked_in_vain::<Dequeue<Value>>();
        let (outcome, _) = tokio::join!(jobs.dequeue(), lost);
        assert_lost(&outcome.unwrap_err());
        host.is_left_alone(LONG).await;
        host.close().await;
    });
}

#[track_caller]
fn assert_lost(error: &StructureError) {
    assert!(
        matches!(
            error,
            StructureError::Ask(AskError::Lost { attempts: 1, .. })
        ),
        "{error:?}"
    );
    assert_ne!(error.fate(), Fate::NotSent);
}

#[test]
fn what_no_node_hosts_is_named_within_the_time() {
    in_paused_time(|| async {
        let mut host = Host::of("r").await;
        let missing = host.structures().within(SECOND);
        let counter = missing.counter("x").unwrap();
        let lock = missing.lock("x").unwrap();
        let barrier = missing.barrier("x").unwrap();
        let of_acquire = |error| match error {
            AcquireError::Structure(error) => error,
            error => panic!("{error:?}"),
        };
        let asking = async {
            let begun = Instant::now();
            let errors = [
                counter.get().await.unwrap_err(),
                counter.increment(1).await.unwrap_err(),
                of_acquire(lock.acquire().await.unwrap_err()),
                of_acquire(lock.try_acquire().await.unwrap_err()),
                barrier.arrive(2).await.unwrap_err(),
            ];
            (errors, begun.elapsed())
        };
        let (errors, took) = tokio::select! {
            asked = asking => asked,
            message = host.next() => panic!("{} came", message.class()),
        };
        let each = took / 5;
        assert!(
            (SECOND..SECOND + Duration::from_millis(100)).contains(&each),
            "{each:?}"
        );
        let named = errors.map(|error| match error {
            StructureError::NotHosted { region, .. } => region.to_string(),
            error => panic!("{error:?}"),
        });
        let kinds = ["counter", "counter", "lock", "lock", "barrier"];
        assert_eq!(named, kinds.map(|kind| format!("d-{kind}-x")));
        host.close().await;
    });
}

#[test]
fn a_shard_count_that_the_cluster_contradicts_is_refused_at_once_and_nothing_is_sent() {
    in_paused_time(|| async {
        let mut host = Host::of("d-lock-door").await;
        let door = host.structures().lock("door").unwrap();
        host.allocate(40).await;
        let begun = Instant::now();
        for refused in [
            door.acquire().await.unwrap_err(),
            door.try_acquire().await.unwrap_err(),
        ] {
            assert!(!refused.may_hold());
            let AcquireError::Structure(StructureError::WrongShards { region, shards, .. }) =
                &refused
            else {
                panic!("{refused:?}");
            };
            assert_eq!((&**region, *shards), ("d-lock-door", 1));
        }
        let refused = door.destroy().await.unwrap_err();
        assert_eq!(refused.fate(), Fate::NotSent);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        host.is_left_alone(LONG).await;
        host.close().await;
    });
}
