//! The start of a client: its state, its control task and its clock.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};

use crate::send::tables::Tables;
use casty_proto::{Codec, NodeAddress};
use casty_transport::TransportConfig;
use parking_lot::{Mutex, RwLock};
use tokio::runtime;
use tokio::sync::{Notify, mpsc, watch};

use super::{ClusterClient, Handle};
use crate::acquires::Acquires;
use crate::config::{ClientBuilder, ConfigError};
use crate::control::{Control, ControlParts};
use crate::dead_letters::DeadLetterSink;
use crate::health::vitals::Vitals;
use crate::mailboxes::Mailboxes;
#[cfg(feature = "metrics")]
use crate::metrics::{latencies::Latencies, sampler::Sampler};
use crate::node::identity::Identity;
use crate::node::protocol::Snapshot;
use crate::pending_asks::PendingAsks;
use crate::pending_asks::retries::Retries;
use crate::pending_asks::secrets::Secrets;
use crate::routing::Routing;
use crate::runtime::byte_limit::ByteLimit;
use crate::runtime::changes::Changes;
use crate::runtime::clock::Clock;
use crate::runtime::home::Home;
use crate::runtime::random::Rng;
use crate::runtime::shared_bytes::SharedBytes;
use crate::runtime::stripes::take_first_stripe;
use crate::send::Core;
use crate::shared::{Ending, Shared};
use crate::stats::Counters;
use crate::streams::registry::Streams;
use crate::trace_source::TraceSource;

/// The number of views that may wait for the control task; the next replaces one that finds no
/// place.
const SNAPSHOTS: usize = 64;

impl ClientBuilder {
    /// Checks the configuration and starts the client on the current tokio runtime.
    ///
    /// Connecting goes on in the background: messages told and asked from now on are buffered until
    /// the cluster is reached, within their time, so a program comes up before its cluster does.
    /// [`ClusterClient::ready`] waits for it. Awaited here is the reading of certificates that a
    /// configuration file names, off the runtime's threads; nothing else.
    ///
    /// # Errors
    /// The configuration makes no sense, or certificates cannot be read; no socket was opened.
    ///
    /// # Cancel safety
    /// Nothing was started.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled, as tokio does.
    pub async fn connect(self) -> Result<ClusterClient, ConfigError> {
        self.check()?;
        let checked = Checked {
            contacts: self.checked_contacts()?,
            announced: self.checked_identity()?,
            codec: self.checked_codec()?,
            transport: self.checked_transport().await?,
            trace_source: self.used_trace_source(),
        };
        Ok(ClusterClient::start(self, checked))
    }
}

/// The settings of a builder that were checked.
struct Checked {
    contacts: Vec<NodeAddress>,
    /// The address that the user announces, if he chose one.
    announced: Option<NodeAddress>,
    codec: Codec,
    transport: TransportConfig,
    trace_source: Option<TraceSource>,
}

impl ClusterClient {
    fn start(builder: ClientBuilder, checked: Checked) -> Self {
        let rng = Arc::new(random(builder.seed));
        let identity = Arc::new(Identity::new(&builder.system, checked.announced, &rng));
        let limits = builder.limits;
        let options = limits.connecting().address_map(builder.address_map);
        let (snapshots, incoming) = mpsc::channel(SNAPSHOTS);
        let (published, view) = watch::channel(None);
        let (ready_errors, ready_error) = watch::channel(None);
        let shared = Shared {
            #[cfg(feature = "metrics")]
            latencies: Latencies::new(&builder.system, limits.routing().max_regions),
            system: builder.system.into(),
            codec: checked.codec,
            limits,
            regions: builder.regions,
            identity,
            clock: Clock::new(),
            home: Home::current(),
            asks: PendingAsks::new(limits.pending_asks, limits.ask_bytes, &Secrets::new(&rng)),
            retries: Retries::new(limits.retry_budget),
            mailboxes: Mailboxes::of_client_on(runtime::Handle::current()),
            acquires: Acquires::new(&rng, limits.pending_asks),
            counters: Arc::new(Counters::default()),
            view,
            views: Changes::default(),
            vitals: Vitals::new(),
            dead_letters: DeadLetterSink::new(builder.dead_letters),
            ended: Mutex::default(),
            #[cfg(any(feature = "tls", feature = "quic"))]
            certificates: checked.transport.certificates().cloned(),
            snapshots,
            view_bytes: Arc::new(ByteLimit::new(limits.max_frame.saturating_mul(4))),
            inbound_bytes: Arc::new(SharedBytes::new(limits.inbound_bytes())),
            table: Tables::new(),
            connected: RwLock::default(),
            leader_backlog: AtomicBool::default(),
            router_due: Notify::new(),
            closed: AtomicBool::new(false),
            drained: OnceLock::new(),
            ending: Ending::default(),
            secondaries: AtomicU64::new(0),
            streams: Streams::new(Arc::clone(&rng)),
            trace_source: checked.trace_source,
            rng: Arc::clone(&rng),
            dial_failures: Mutex::default(),
            discovery_failure: Mutex::default(),
            ready_error,
        };
        let core = routed(shared, &rng);
        let parts = ControlParts {
            core: Arc::clone(&core),
            published,
            ready_errors,
            transport: checked.transport.build(),
            options,
            contacts: checked.contacts,
            source: builder.discovery,
        };
        spawn(Arc::clone(&core), Control::new(parts, &rng), incoming);
        let handle = Arc::new(Handle { core });
        Self { handle }
    }
}

/// Returns the state of a client with a router.
fn routed(shared: Shared, rng: &Rng) -> Arc<Core> {
    let routing = Routing::new(shared.limits.routing(), rng.next_u64());
    Arc::new(Core::new(shared, routing))
}

/// Returns the source of a client's random numbers, which decides all of it if there is a seed.
fn random(seed: Option<u64>) -> Rng {
    let rng = seed.map_or_else(Rng::default, Rng::seeded);
    if rng.is_seeded() {
        take_first_stripe();
    }
    rng
}

/// Spawns the task that runs the clock and the control of a client until either has ended.
fn spawn(core: Arc<Core>, control: Control, snapshots: mpsc::Receiver<Snapshot>) {
    // Here, where the program's recorder is at hand; dropped when the client has ended.
    #[cfg(feature = "metrics")]
    let mut sampler = Sampler::new(Arc::clone(&core));
    tokio::spawn(async move {
        let asks = &core.asks;
        #[cfg(feature = "metrics")]
        let sampling = sampler.run();
        #[cfg(not(feature = "metrics"))]
        let sampling = std::future::pending::<()>();
        // Both are polled whenever the task is, but when one has ended.
        tokio::select! {
            biased;
            () = core.clock.run(|now| { asks.expire(now); asks.pending() > 0 }) => {}
            () = control.run(snapshots) => {}
            () = sampling => {}
        }
    });
}
