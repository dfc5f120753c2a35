//! The sockets, and the end in order.

use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;

use casty_client::CloseReport;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::api::router;
use crate::connections::Connections;
use crate::probes::{Metrics, probes};
use crate::settings::GatewaySettings;

/// The connections of operators at once; more wait in the kernel.
const PROBES: usize = 64;

/// The end of a gateway.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Ended {
    /// Set if all requests had their answer in time.
    pub answered: bool,
    /// The fates of all messages.
    pub report: CloseReport,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, report } = self;
        let requests = if *answered {
            "all requests were answered"
        } else {
            "some requests were cut short"
        };
        write!(f, "{requests}; messages: {report}")
    }
}

/// The sockets of a gateway. Those of operators are apart, so that requests cannot take their connections.
#[derive(Debug)]
pub struct Listeners {
    requests: TcpListener,
    probes: TcpListener,
}

impl Listeners {
    /// Listens at the addresses of the settings.
    ///
    /// # Errors
    /// One of them cannot be had.
    pub async fn bind(settings: &GatewaySettings) -> io::Result<Self> {
        Ok(Self {
            requests: TcpListener::bind(settings.listen).await?,
            probes: TcpListener::bind(settings.probe_listen).await?,
        })
    }

    /// Returns the address of requests.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn requests(&self) -> io::Result<SocketAddr> {
        self.requests.local_addr()
    }

    /// Returns the address of operators: `/healthz`, `/readyz` and `/metrics`.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn probes(&self) -> io::Result<SocketAddr> {
        self.probes.local_addr()
    }
}

/// Serves until it is told to end: takes no more requests then, ends the streams, waits for the requests that run,
/// and closes the client. Operators are answered to the last.
pub async fn serve(
    listeners: Listeners,
    accounts: Accounts,
    metrics: &Metrics,
    settings: &GatewaySettings,
    told_to_end: impl Future<Output = ()> + Send + 'static,
) -> Ended {
    let stop = watch::Sender::new(false);
    let probes = probes(accounts.clone(), metrics, stop.subscribe());
    let connections = Connections::new(listeners.probes, PROBES, settings.head_timeout);
    let beside = async {
        tokio::join!(connections.serve(probes, pending()), metrics.upkeep());
    };
    let serving = serve_requests(listeners.requests, accounts, settings, told_to_end, &stop);
    tokio::select! {
        ended = serving => ended,
        // Neither ever ends.
        ended = async { beside.await; pending().await } => ended,
    }
}

/// Serves requests until it is told to end, says that it stops, and ends.
async fn serve_requests(
    listener: TcpListener,
    accounts: Accounts,
    settings: &GatewaySettings,
    told_to_end: impl Future<Output = ()>,
    stop: &watch::Sender<bool>,
) -> Ended {
    let connections = Connections::new(listener, settings.max_connections, settings.head_timeout);
    let router = router(accounts.clone(), settings);
    let mut stopping = stop.subscribe();
    let told = async {
        told_to_end.await;
        accounts.stop_following();
        stop.send_replace(true);
    };
    let serving = connections.serve(router, told);
    let too_late = async {
        stopping.wait_for(|stop| *stop).await.ok();
        tokio::time::sleep(settings.drain_timeout).await;
    };
    let answered = tokio::select! {
        () = serving => true,
        () = too_late => false,
    };
    let report = accounts.client().close(settings.close_timeout).await;
    Ended { answered, report }
}
