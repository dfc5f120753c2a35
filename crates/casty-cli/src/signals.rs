//! The signals by which a command that serves is told to end.

use std::future::pending;

/// Waits for two interrupts.
pub(crate) async fn twice() {
    interrupt().await;
    interrupt().await;
}

/// Waits for an interrupt, or on Unix for the signal to terminate.
pub(crate) async fn interrupt() {
    let pressed = async {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = pressed => {}
        () = terminated() => {}
    }
}

/// Waits until the terminal is closed; for ever where no signal tells.
#[cfg(unix)]
pub(crate) async fn hangup() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => {
            hangup.recv().await;
        }
        Err(_) => pending().await,
    }
}

/// Waits for ever: no signal tells.
#[cfg(not(unix))]
pub(crate) async fn hangup() {
    pending().await
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending().await
}
