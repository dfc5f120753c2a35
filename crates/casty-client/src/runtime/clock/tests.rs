use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Waker};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_deadline_is_right_to_two_ticks() {
    let clock = Arc::new(Clock::new());
    let (reached, mut ticks) = tokio::sync::watch::channel(Tick(0));
    let running = Arc::clone(&clock);
    tokio::spawn(async move {
        running
            .run(|now| {
                reached.send_replace(now);
                true
            })
            .await;
    });
    tokio::time::sleep(Duration::from_mins(1)).await;
    for timeout in [1, 10, 11, 1000] {
        let timeout = Duration::from_millis(timeout);
        let begun = precise_now();
        let deadline = clock.deadline(timeout);
        clock.keep_awake();
        ticks.wait_for(|now| *now >= deadline).await.unwrap();
        let took = precise_now() - begun;
        assert!(
            took >= timeout && took <= timeout + 3 * TICK,
            "{took:?} for {timeout:?}"
        );
    }
}

#[test]
fn the_time_that_is_left_is_divided_evenly_and_never_into_nothing() {
    assert_eq!(Tick(100).part(Tick(400), 3), Tick(200));
    assert_eq!(Tick(200).part(Tick(400), 2), Tick(300));
    assert_eq!(Tick(400).part(Tick(400), 2), Tick(401));
    assert_eq!(Tick(9).part(Tick(1), 0), Tick(10));
}

#[tokio::test]
async fn deadlines_are_told_apart_however_long_the_client_has_run() {
    let clock = Clock::new();
    // 500 days and more in ticks of 10 ms, which 32 bits do not count.
    let (early, late) = (Tick(5_000_000_000), Tick(5_000_000_100));
    assert_eq!(clock.instant(late) - clock.instant(early), 100 * TICK);
    assert!(clock.instant(Tick(u64::MAX)) > clock.instant(late));
}

/// Returns a clock with something that always waits, and its ticks.
fn running() -> (Arc<Clock>, tokio::sync::watch::Receiver<Tick>) {
    let clock = Arc::new(Clock::new());
    let (reached, ticks) = tokio::sync::watch::channel(Tick(0));
    let running = Arc::clone(&clock);
    tokio::spawn(async move {
        let reach = |now| reached.send(now).is_ok();
        running.run(reach).await;
    });
    (clock, ticks)
}

#[tokio::test]
async fn a_deadline_is_never_early_however_long_the_runtime_was_not_driven() {
    let (clock, mut ticks) = running();
    ticks.changed().await.unwrap();
    // Nothing else runs on this thread meanwhile, so the clock does not tick.
    let blocked = Instant::now();
    while blocked.elapsed() < 30 * TICK {}
    let timeout = Duration::from_millis(100);
    let begun = Instant::now();
    let deadline = clock.deadline(timeout);
    ticks.wait_for(|now| *now >= deadline).await.unwrap();
    let took = begun.elapsed();
    assert!(took >= timeout, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_never_early_in_a_time_that_was_paused() {
    let (clock, mut ticks) = running();
    ticks.changed().await.unwrap();
    let timeout = Duration::from_secs(5);
    for gap in [6_000, 37, 4, 1] {
        // The time is another at once, and the clock's task has not run since.
        let mut advanced = std::pin::pin!(tokio::time::advance(Duration::from_millis(gap)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(advanced.as_mut().poll(&mut cx).is_pending());
        let begun = precise_now();
        let deadline = clock.deadline(timeout);
        assert!(clock.instant(deadline) >= begun + timeout, "{gap} ms");
        assert!(
            clock.instant(deadline) <= begun + timeout + TICK,
            "{gap} ms"
        );
        advanced.await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_while_the_runtime_was_not_driven_is_read_before_deadlines_are_judged() {
    let (clock, mut ticks) = running();
    ticks.changed().await.unwrap();
    let deadline = clock.deadline(Duration::from_secs(1));
    let read = Arc::new(AtomicBool::new(false));
    let reads = Arc::clone(&read);
    tokio::spawn(async move {
        // Woken at the same moment as the clock, behind it, and not done at once.
        tokio::time::sleep(Duration::from_secs(5)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        reads.store(true, Ordering::SeqCst);
    });
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(6)).await;
    ticks.wait_for(|now| *now >= deadline).await.unwrap();
    assert!(read.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_is_always_late_still_keeps_the_time() {
    let (clock, mut ticks) = running();
    let deadline = clock.deadline(Duration::from_secs(1));
    for _ in 0..10 {
        tokio::time::advance(2 * LATE).await;
        tokio::task::yield_now().await;
    }
    assert!(*ticks.borrow_and_update() >= deadline);
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_is_late_by_no_more_than_it_may_be_is_judged_at_once() {
    let (clock, mut ticks) = running();
    ticks.changed().await.unwrap();
    let before = *ticks.borrow_and_update();
    tokio::time::advance(LATE).await;
    tokio::task::yield_now().await;
    assert!(*ticks.borrow_and_update() > before && clock.now() > before);
}

#[tokio::test(start_paused = true)]
async fn a_clock_for_which_nothing_waits_sleeps_until_it_is_woken() {
    let (clock, ticks) = (Arc::new(Clock::new()), Arc::new(AtomicUsize::new(0)));
    let (running, count) = (Arc::clone(&clock), Arc::clone(&ticks));
    tokio::spawn(async move {
        let ticked = |_| {
            count.fetch_add(1, Ordering::Relaxed);
            false
        };
        running.run(ticked).await;
    });
    for round in 1..=3 {
        tokio::time::sleep(Duration::from_mins(1)).await;
        let each = IDLE_TICKS as usize + 1;
        let ticked = ticks.load(Ordering::Relaxed);
        assert!(ticked > 0 && ticked <= round * each, "{ticked}");
        clock.keep_awake();
    }
}

#[test]
fn a_deadline_is_a_century_away_at_most() {
    let start = Instant::now();
    let century = Duration::from_hours(876_000);
    for (timeout, left) in [
        (Duration::MAX, century),
        (century / 2, century / 2),
        (Duration::ZERO, Duration::ZERO),
    ] {
        assert_eq!(after(start, timeout) - start, left);
    }
}
