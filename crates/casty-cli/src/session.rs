//! One session with a cluster: a client is started, used and closed in order, all within one time.

use std::fmt;
use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use casty_client::{
    BufferLimits, ClientConfig, ClusterClient, Loss, NotSent, ReadyError, RegionRef, ShardCounts,
};
use casty_proto::Listed;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::args::cluster::{Cluster, Region};
use crate::error::{CommandError, advice, chain};
use crate::output::print_error;

/// The part of the command's time that is kept for closing: at most this, and at most a tenth.
const CLOSING: Duration = Duration::from_millis(250);
/// The time for which a client without any limit, or one interrupted, may write its messages.
const DRAIN: Duration = Duration::from_secs(1);
/// Messages that may wait for a route. Few: senders wait for capacity in turn.
const BUFFER_MESSAGES: usize = 4096;
/// Bytes of such messages.
const BUFFER_BYTES: usize = 32 * 1024 * 1024;

/// The frame of one command: its cluster, its configuration and its time.
pub(crate) struct Session<'a> {
    cluster: &'a Cluster,
    /// The configuration of its client.
    config: ClientConfig,
    /// The time for everything, connecting and closing included; `None` for no limit.
    within: Option<Duration>,
    /// The words for what did not happen when the time is up.
    missing: String,
    /// The advice where the cluster was reached, and the time is up.
    helps: &'static str,
    /// The region that is used, and its number of shards.
    region: Option<(&'a Region, u32)>,
    /// False if the work takes interrupts itself.
    interrupted: bool,
    /// The time that messages may take to be written at the end, and may wait for a route, where there is no
    /// limit for everything.
    drain: Duration,
}

/// The end of a session.
pub(crate) struct Ended<T> {
    pub(crate) outcome: Result<T, CommandError>,
    /// The ends of the messages.
    pub(crate) tally: Tally,
    /// The reason why the first message of those that were not sent was not.
    pub(crate) loss: Option<Loss>,
}

impl<'a> Session<'a> {
    /// Prepares a session that lasts as long as the command may. `missing` says what did not happen
    /// when the time is up.
    ///
    /// # Errors
    /// The configuration makes no sense, or does not name the cluster.
    pub(crate) fn new(
        cluster: &'a Cluster,
        missing: impl Into<String>,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            cluster,
            config: cluster.config()?,
            within: Some(cluster.timeout()),
            missing: missing.into(),
            helps: advice::TIME,
            region: None,
            interrupted: true,
            drain: DRAIN,
        })
    }

    /// Names the region that is used: errors then tell if the cluster does not show it.
    ///
    /// # Errors
    /// Its number of shards is not given.
    pub(crate) fn using(mut self, region: &'a Region) -> Result<Self, CommandError> {
        let shards = region.shards(&self.config, self.cluster)?;
        self.region = Some((region, shards));
        Ok(self)
    }

    /// Returns the configuration of the client.
    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Returns the region that is used, once a view has come that says nothing against its number of
    /// shards, or whatever that says if it is forced.
    ///
    /// # Errors
    /// The view contradicts the number, or the region cannot be used.
    pub(crate) async fn region(&self, client: &ClusterClient) -> Result<RegionRef, CommandError> {
        client.topology().wait_for(|_| true).await?;
        let (name, forced) = self
            .region
            .map_or(("", false), |(it, _)| (&*it.name, it.force));
        let region = client.configured_region(name)?;
        match region.contradiction() {
            None => {}
            Some(found) if forced => print_error(format_args!("forced: {found}")),
            Some(found) => {
                let what = format!(
                    "{found}: some program uses another number; is it this one? If not, --force"
                );
                let helps = "--shards must be the nodes' num_shards; --force sends all the same";
                return Err(CommandError::because(what).helped_by(helps));
            }
        }
        Ok(region)
    }

    /// Sets another advice for a time that is up although the cluster was reached.
    #[must_use]
    pub(crate) fn helped_by(mut self, helps: &'static str) -> Self {
        self.helps = helps;
        self
    }

    /// Sets another time for everything; `None` for no limit.
    #[must_use]
    pub(crate) fn within(mut self, within: Option<Duration>) -> Self {
        self.within = within;
        self
    }

    /// Lets messages take this time to find a route, and to be written at the end, where there is no limit for
    /// everything.
    #[must_use]
    pub(crate) fn draining(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Leaves interrupts to the work, and the closing at its end uninterrupted.
    #[must_use]
    pub(crate) fn uninterrupted(mut self) -> Self {
        self.interrupted = false;
        self
    }

    /// Waits for an interrupt, if it is the session's to take.
    async fn interrupt(&self) {
        if !self.interrupted || tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    }

    /// Does `work` with a client of the cluster, until it is done, the time is up, or the user
    /// interrupts it; then closes the client in order.
    ///
    /// # Errors
    /// No client could be started.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&ClusterClient) -> Result<T, CommandError>,
    ) -> Result<Ended<T>, CommandError> {
        let start = Instant::now();
        let end = self.within.map(|within| start + within);
        let closing = self.within.map(|within| CLOSING.min(within / 10));
        let work_end = end.zip(closing).map(|(end, closing)| end - closing);
        let loss = Arc::new(OnceLock::new());
        let client = self.connect(&loss).await?;
        let outcome = tokio::select! {
            outcome = async { tokio::try_join!(work(&client), self.reach(&client, work_end)) } => {
                outcome.map(|(done, ())| done)
            }
            () = until(work_end) => Err(self.timed_out(&client)),
            () = self.interrupt() => Err(CommandError::Interrupted),
        };
        let left = work_end.map_or(self.drain, |end| {
            end.saturating_duration_since(Instant::now())
        });
        let drain = match &outcome {
            Ok(_) => left,
            Err(CommandError::Interrupted | CommandError::Ended(_)) => left.min(DRAIN),
            Err(_) => Duration::ZERO,
        };
        let (tally, cut) = self.close(&client, drain, end).await;
        let loss = loss.get().cloned();
        let outcome = match (outcome, cut, &loss) {
            (Ok(_), Some(failure), _) => Err(failure),
            // Messages that wait for a route are dropped by nothing but the end of the time.
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

    /// Closes the client in order, until `end` or the next interrupt at the latest. Returns the
    /// ends of the messages, and the error that cut the closing short if that cost any.
    async fn close(
        &self,
        client: &ClusterClient,
        drain: Duration,
        end: Option<Instant>,
    ) -> (Tally, Option<CommandError>) {
        let end = end.unwrap_or_else(|| Instant::now() + drain + 2 * DRAIN);
        let closed = tokio::select! {
            closed = timeout_at(end, client.close(drain)) => {
                closed.map_err(|_| self.timed_out(client))
            }
            () = self.interrupt() => Err(CommandError::Interrupted),
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

    /// Returns the serializer that the nodes are said to be configured with, for the user.
    fn codec_name(&self) -> String {
        let codec = self.config.codec_name().unwrap_or("pickle");
        match self.config.compression() {
            (None | Some("none"), _) => codec.to_owned(),
            (Some(compression), _) => format!("{codec} with {compression}"),
        }
    }

    /// Starts the client; `loss` is set by the first message that is not sent.
    ///
    /// # Errors
    /// The configuration makes no sense.
    async fn connect(&self, loss: &Arc<OnceLock<Loss>>) -> Result<ClusterClient, CommandError> {
        let loss = Arc::clone(loss);
        // The session's time is the only one: nothing else ends before it.
        let longest = self.within.unwrap_or_default() + self.drain;
        let mut builder = self.config.builder();
        if let Some((region, shards)) = self.region {
            builder = builder.region_shards(&*region.name, shards);
            if region.force {
                builder = builder.shard_counts(ShardCounts::Lenient);
            }
        }
        let builder = builder
            // Whoever types a message says what it names; nothing else is sent.
            .allowed_classes(["*"])
            .ask_timeout(longest)
            .buffer_timeout(longest)
            .buffer(
                BufferLimits::default()
                    .messages(BUFFER_MESSAGES)
                    .bytes(BUFFER_BYTES),
            )
            .on_dead_letter(move |letter| {
                loss.set(letter.loss.clone()).ok();
            });
        Ok(builder.connect().await?)
    }

    /// Waits for the first view of the cluster.
    ///
    /// # Errors
    /// None came in time; or, at once, it is one of another cluster.
    async fn reach(
        &self,
        client: &ClusterClient,
        end: Option<Instant>,
    ) -> Result<(), CommandError> {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let ready = client.ready(left.unwrap_or_else(|| self.cluster.timeout()));
        match ready.await {
            Ok(_) => Ok(()),
            Err(ReadyError::Timeout { .. }) => Err(self.timed_out(client)),
            Err(error) => Err(CommandError::Failed(error.into())),
        }
    }

    /// Makes the error of a time that is up, with as much of the reason as is known.
    fn timed_out(&self, client: &ClusterClient) -> CommandError {
        let failures = client.dial_failures();
        let told = failures
            .iter()
            .map(|(node, error)| format!("{node}: {}", chain(error)));
        let unreached = Listed(told, ", ").to_string();
        let (why, helps) = match (client.topology().current(), failures.first()) {
            (None, None) => {
                let why = format!(
                    "no node at {} has sent a view of its cluster: is its serializer {}?",
                    Listed(self.config.contact_points(), ", "),
                    self.codec_name()
                );
                (why, advice::CODEC)
            }
            (None, Some((_, first))) => {
                let why = format!("no node could be reached: {unreached}");
                (why, advice::of_contact(first))
            }
            (Some(view), _) => {
                let absent = |region: &&str| view.allocations(region).is_none();
                let region = self.region.map(|(region, _)| &*region.name);
                let region = region.filter(absent).map_or_else(String::new, |region| {
                    format!("; the cluster shows no region {region:?}")
                });
                let unreached = match &*unreached {
                    "" => String::new(),
                    nodes => format!("; could not be reached: {nodes}"),
                };
                let why = format!("{}{region}{unreached}", self.missing);
                (why, self.helps)
            }
        };
        let within = self.within.unwrap_or_else(|| self.cluster.timeout());
        CommandError::TimedOut { within, why, helps }
    }
}

/// Waits until a time; for ever without one.
async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

/// The ends of the messages that the client had accepted.
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
