//! Callers on no runtime at all.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use casty_client::{BufferLimits, ServiceKey, TellError};
use casty_transport::MemoryNetwork;

use crate::node::{builder, in_real_time};

const SECOND: Duration = Duration::from_secs(1);

/// Polls a future once, on a thread of no runtime. It waits.
fn waits<F: Future>(future: F) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(future).poll(&mut cx).is_pending());
}

#[test]
fn whatever_waits_does_so_where_there_is_no_runtime() {
    in_real_time(|| async {
        let client = builder(&MemoryNetwork::new(), "n:1");
        let client = client.buffer(BufferLimits::default().messages(1));
        let client = client.connect().await.unwrap();
        let caller = std::thread::spawn(move || {
            let shared = client.distributed();
            waits(client.ready(SECOND));
            waits(shared.counter("hits").unwrap().get());
            let door = shared.lock("door").unwrap();
            for within in [SECOND, Duration::MAX] {
                waits(door.acquire_within(within));
                waits(door.try_within(within));
            }
            waits(door.try_acquire());
            waits(door.release_owner("somebody"));
            let leader = client.singleton::<i32>("numbers").unwrap();
            waits(leader.wait_for_leader(SECOND));
            waits(leader.tell_within(1, SECOND));
            let key = ServiceKey::<i32>::new("numbers");
            waits(client.services(&key).wait_for_within(1, SECOND));
            let entity = client.region("r", 1).unwrap().entity("e");
            entity.tell(1).unwrap();
            assert_eq!(entity.tell(2), Err(TellError::BufferFull));
            waits(entity.tell_within(2, SECOND));
        });
        tokio::task::spawn_blocking(|| caller.join().unwrap())
            .await
            .unwrap();
    });
}
