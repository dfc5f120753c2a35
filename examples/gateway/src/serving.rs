//! The socket, and the end in order.

use std::fmt;

use casty_client::CloseReport;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::api::router;
use crate::connections::Connections;
use crate::probes::Metrics;
use crate::settings::GatewaySettings;

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

/// Serves until it is told to end: takes no more connections then, ends the streams, waits for the requests that
/// run, and closes the client.
pub async fn serve(
    listener: TcpListener,
    accounts: Accounts,
    metrics: &Metrics,
    settings: &GatewaySettings,
    told_to_end: impl Future<Output = ()> + Send + 'static,
) -> Ended {
    let router = router(accounts.clone(), settings).merge(metrics.route());
    let (stop, mut stopping) = watch::channel(false);
    let streams = accounts.clone();
    let told = async move {
        told_to_end.await;
        streams.stop_following();
        stop.send_replace(true);
    };
    let serving = Connections::new(listener, settings).serve(router, told);
    let too_late = async {
        stopping.wait_for(|stop| *stop).await.ok();
        tokio::time::sleep(settings.drain_timeout).await;
    };
    let answered = tokio::select! {
        () = serving => true,
        () = too_late => false,
        () = metrics.upkeep() => false,
    };
    let report = accounts.client().close(settings.close_timeout).await;
    Ended { answered, report }
}
