//! Bytes both ways between two streams.

use std::io;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, sleep_until};

use super::counters::{Counts, add};
use super::limits::ProxyLimits;
use crate::transport::ByteStream;

/// The end of two streams that were passed on to each other.
pub(super) enum PassEnd {
    /// Both directions ended, in good order.
    Both,
    /// Nothing passed for too long.
    Idle,
    /// One of the streams broke.
    Broken(io::Error),
}

/// Passes bytes both ways until both directions have ended.
pub(super) async fn pass(
    dialler: ByteStream,
    node: ByteStream,
    limits: &ProxyLimits,
    counts: &Counts,
) -> PassEnd {
    let (from_dialler, to_dialler) = split(dialler);
    let (from_node, to_node) = split(node);
    let last = Mutex::new(Instant::now());
    let there = Progress {
        passed: &counts.to_node,
        last: &last,
    };
    let back = Progress {
        passed: &counts.from_node,
        last: &last,
    };
    let there = one_way(from_dialler, to_node, limits.buffer, there);
    let back = one_way(from_node, to_dialler, limits.buffer, back);
    tokio::select! {
        ended = async { tokio::try_join!(there, back) } => match ended {
            Ok(_) => PassEnd::Both,
            Err(error) => PassEnd::Broken(error),
        },
        () = idle(&last, limits.idle) => PassEnd::Idle,
    }
}

/// The place where one direction notes what it passed on.
struct Progress<'a> {
    passed: &'a AtomicU64,
    /// The time of the last byte in either direction. The lock is never held over an await.
    last: &'a Mutex<Instant>,
}

/// Passes bytes one way, and then their end. Reads only when everything was written.
async fn one_way(
    mut from: ReadHalf<ByteStream>,
    mut to: WriteHalf<ByteStream>,
    most: usize,
    progress: Progress<'_>,
) -> io::Result<()> {
    let mut buffer = vec![0; most];
    loop {
        let read = from.read(&mut buffer).await?;
        *progress.last.lock() = Instant::now();
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return to.shutdown().await;
        };
        to.write_all(bytes).await?;
        to.flush().await?;
        *progress.last.lock() = Instant::now();
        add(progress.passed, read as u64);
    }
}

/// Waits until nothing has passed for so long.
async fn idle(last: &Mutex<Instant>, longest: Duration) {
    loop {
        let Some(until) = last.lock().checked_add(longest) else {
            // Later than time is told.
            return std::future::pending().await;
        };
        if Instant::now() >= until {
            return;
        }
        sleep_until(until).await;
    }
}
