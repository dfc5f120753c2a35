//! Connections: so many at once, each with a deadline for the head of its next request; more wait in the kernel.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections of a listener.
pub(crate) struct Connections {
    listener: TcpListener,
    free: Arc<Semaphore>,
    http: http1::Builder,
}

impl Connections {
    /// Bounds the connections of a listener, and the time of each for the head of its next request.
    pub(crate) fn new(listener: TcpListener, most: usize, head_timeout: Duration) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(head_timeout);
        Self {
            listener,
            free: Arc::new(Semaphore::new(most)),
            http,
        }
    }

    /// Serves until it is told to stop: takes no more then, and waits until each has answered its last request.
    pub(crate) async fn serve(mut self, router: Router, told_to_stop: impl Future<Output = ()>) {
        let service = TowerToHyperService::new(router);
        let all = GracefulShutdown::new();
        let mut told_to_stop = pin!(told_to_stop);
        loop {
            let (stream, permit) = tokio::select! {
                accepted = self.accept() => accepted,
                () = &mut told_to_stop => break,
            };
            let connection = self
                .http
                .serve_connection(TokioIo::new(stream), service.clone());
            let connection = all.watch(connection);
            tokio::spawn(async move {
                // An error is its peer's: it went away, sent what is no HTTP, or no head in time.
                connection.await.ok();
                drop(permit);
            });
        }
        drop(self.listener);
        all.shutdown().await;
    }

    async fn accept(&mut self) -> (TcpStream, Option<OwnedSemaphorePermit>) {
        // Fails when it is closed, and nobody closes it.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        // Goes on after errors, with a pause where there are no more descriptors.
        let (stream, _) = Listener::accept(&mut self.listener).await;
        (stream, permit)
    }
}
