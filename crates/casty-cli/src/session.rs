//! One errand to a cluster: a client is started, used and closed in order, all within one time.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use casty_client::{BufferLimits, ClientConfig, ClusterClient, Loss, NotSent, ReadyError};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::args::Cluster;
use crate::error::{Failure, chain};

/// Kept of the command's time for saying goodbye: at most this, and at most a tenth.
const PARTING: Duration = Duration::from_millis(250);
/// How long a client without any limit, or one interrupted, may write what it has.
const DRAIN: Duration = Duration::from_secs(1);
/// Messages and bytes that may wait for a route. Few: whoever sends waits in turn.
const BUFFER: (usize, usize) = (4096, 32 * 1024 * 1024);

/// What is to be done, where, and within which time.
pub(crate) struct Errand<'a> {
    pub(crate) cluster: &'a Cluster,
    /// What is set for it.
    pub(crate) config: ClientConfig,
    /// Bounds everything, connecting and closing included.
    pub(crate) within: Option<Duration>,
    /// What to tell the user did not happen when the time is up.
    pub(crate) missing: String,
    /// The region that is used.
    pub(crate) region: Option<&'a str>,
}

/// How an errand ended.
pub(crate) struct Ended<T> {
    pub(crate) outcome: Result<T, Failure>,
    /// What became of the messages.
    pub(crate) tally: Tally,
    /// Why the first message that was not sent was not, if there is one.
    pub(crate) loss: Option<Loss>,
}

impl Errand<'_> {
    /// Does `work` with a client of the cluster, until it is done, the time is up, or the user
    /// interrupts it; then closes the client in order.
    ///
    /// # Errors
    /// No client could be started.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&ClusterClient) -> Result<T, Failure>,
    ) -> Result<Ended<T>, Failure> {
        let start = Instant::now();
        let end = self.within.map(|within| start + within);
        let parting = self.within.map(|within| PARTING.min(within / 10));
        let work_end = end.zip(parting).map(|(end, parting)| end - parting);
        let loss = Arc::new(OnceLock::new());
        let client = self.connect(&loss).await?;
        let outcome = tokio::select! {
            outcome = async { tokio::try_join!(work(&client), self.hear(&client, work_end)) } => {
                outcome.map(|(done, ())| done)
            }
            () = until(work_end) => Err(self.timed_out(&client)),
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        };
        let left = work_end.map_or(DRAIN, |end| end.saturating_duration_since(Instant::now()));
        let drain = match &outcome {
            Ok(_) => left,
            Err(Failure::Interrupted) => left.min(DRAIN),
            Err(_) => Duration::ZERO,
        };
        let (tally, cut) = self.close(&client, drain, end).await;
        let loss = loss.get().cloned();
        let outcome = match (outcome, cut, &loss) {
            (Ok(_), Some(failure), _) => Err(failure),
            // Nothing but the end of the errand's time gives up what waits for a route.
            (Ok(_), None, Some(Loss::NotSent(NotSent::Closed | NotSent::Expired(_)))) => {
                Err(self.timed_out(&client))
            }
            (outcome, _, _) => outcome,
        };
        Ok(Ended {
            outcome,
            tally,
            loss,
        })
    }

    /// Closes the client in order, until `end` or the next interrupt at the latest. Tells what
    /// became of the messages, and what cut the closing short if that cost any.
    async fn close(
        &self,
        client: &ClusterClient,
        drain: Duration,
        end: Option<Instant>,
    ) -> (Tally, Option<Failure>) {
        let end = end.unwrap_or_else(|| Instant::now() + drain + 2 * DRAIN);
        let closed = tokio::select! {
            closed = timeout_at(end, client.close(drain)) => {
                closed.map_err(|_| self.timed_out(client))
            }
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        };
        let stats = closed
            .as_ref()
            .map_or_else(|_| client.stats(), |report| report.stats);
        let tally = Tally {
            written: stats.written,
            not_sent: stats.not_sent + stats.buffered,
            unknown: stats.unknown + stats.queued,
        };
        let waiting = stats.buffered + stats.queued > 0;
        (tally, closed.err().filter(|_| waiting))
    }

    /// What the nodes are said to be configured with, for the user.
    fn codec_name(&self) -> String {
        let codec = self.config.codec_name().unwrap_or("pickle");
        match self.config.compression() {
            (None | Some("none"), _) => codec.to_owned(),
            (Some(compression), _) => format!("{codec} with {compression}"),
        }
    }

    async fn connect(&self, loss: &Arc<OnceLock<Loss>>) -> Result<ClusterClient, Failure> {
        let loss = Arc::clone(loss);
        // The errand's time is the only one: nothing else ends before it.
        let longest = self.within.unwrap_or_default() + DRAIN;
        let builder = self.config.builder();
        let builder = builder
            .ask_timeout(longest)
            .buffer_timeout(longest)
            .buffer(BufferLimits::default().messages(BUFFER.0).bytes(BUFFER.1))
            .on_dead_letter(move |letter| {
                loss.set(letter.loss.clone()).ok();
            });
        Ok(builder.connect().await?)
    }

    /// Waits until something is heard of the cluster, and fails at once if that is another one
    /// than the errand is for.
    async fn hear(&self, client: &ClusterClient, end: Option<Instant>) -> Result<(), Failure> {
        let patience = end.map(|end| end.saturating_duration_since(Instant::now()));
        let heard = client.ready(patience.unwrap_or_else(|| self.cluster.timeout()));
        match heard.await {
            Ok(_) => Ok(()),
            Err(ReadyError::Timeout { .. }) => Err(self.timed_out(client)),
            Err(error) => Err(Failure::Failed(error.into())),
        }
    }

    /// The time is up: as much as can be told of why.
    fn timed_out(&self, client: &ClusterClient) -> Failure {
        let failures = client.dial_failures();
        let failures = failures
            .iter()
            .map(|(node, error)| format!("{node}: {}", chain(error)));
        let unreached = listed(&failures.collect::<Vec<_>>());
        let why = match client.topology().current() {
            None if unreached.is_empty() => format!(
                "no node at {} has told of its cluster: is its serializer {}?",
                listed(self.config.contact_points()),
                self.codec_name()
            ),
            None => format!("no node could be reached: {unreached}"),
            Some(view) => {
                let absent = |region: &&str| view.allocations(region).is_none();
                let region = self
                    .region
                    .filter(absent)
                    .map_or_else(String::new, |region| {
                        format!("; the cluster shows no region {region:?}")
                    });
                let unreached = match &*unreached {
                    "" => String::new(),
                    nodes => format!("; could not be reached: {nodes}"),
                };
                format!("{}{region}{unreached}", self.missing)
            }
        };
        let within = self.within.unwrap_or_else(|| self.cluster.timeout());
        Failure::TimedOut { within, why }
    }
}

fn listed(items: &[impl ToString]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

/// What became of the messages that the client had accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) written: u64,
    pub(crate) not_sent: u64,
    pub(crate) unknown: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            written,
            not_sent,
            unknown,
        } = self;
        write!(
            f,
            "{written} written, {not_sent} not sent, {unknown} unknown"
        )
    }
}
