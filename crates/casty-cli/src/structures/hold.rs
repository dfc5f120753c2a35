//! `casty lock` and `casty semaphore`: something is held while a command runs.

use std::ffi::OsString;
use std::time::Duration;

use casty_client::{
    AcquireError, AskError, Chain, ClusterClient, Guard, Lock, NotSent, Released, Semaphore,
    StructureError,
};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::child::{self, Signal, Signals};
use super::{Named, OWN};
use crate::args::time::time;
use crate::error::CommandError;
use crate::output::{print_error, print_json};
use crate::session::Session;

/// The end of `casty lock --help`.
pub(crate) const LOCK_EXAMPLES: &str = "\
Runs the command while this process holds the lock, and exits with the command's code, or 128 and
the number of the signal that ended it; with 75 if the lock was not free within --wait, and with 126
or 127 if the command cannot be run. SIGINT, SIGQUIT, SIGTERM and SIGHUP are passed on to the command
(what is typed at the terminal reaches it anyway), and the lock is released when that has ended. If
the node that granted the lock is lost, the command is sent SIGTERM, for others may hold it then.

The lock is tried again and again, so nothing waits for it on the node when this process is killed;
but those who wait there come first. Nodes have no leases: if this process is killed while it holds
the lock, that stays locked until it is released by its owner's name, which -v tells, or destroyed.

Examples:
  casty lock --contact 127.0.0.1:25520 --system my-cluster \\
      nightly -- ./backup.sh
  casty lock --contact 127.0.0.1:25520 --system my-cluster \\
      nightly --wait 5 -- sh -c 'date; sleep 1'
  casty lock --contact 127.0.0.1:25520 --system my-cluster nightly --destroy";

/// The end of `casty semaphore --help`.
pub(crate) const SEMAPHORE_EXAMPLES: &str = "\
Does what casty lock does, with a permit of a semaphore; see casty lock --help. The nodes decide how
many permits there are.

Examples:
  casty semaphore --contact 127.0.0.1:25520 --system my-cluster \\
      pool -- ./import.sh
  casty semaphore --contact 127.0.0.1:25520 --system my-cluster \\
      pool --wait 5 -- ./import.sh";

/// The help of `--timeout`, which bounds neither the wait nor the command here.
const TIMEOUT: &str = "The time for the cluster to be reached, and for each reply of a node. The wait for \
    others has --wait, and the command may take any time. With --release and --destroy, the time for \
    everything [default: 5s]";

/// The pause after an attempt that failed.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(mut_arg("timeout", |arg| arg.help(TIMEOUT)))]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    named: Named,
    /// Give up with the exit code 75 if it is not free in this time [default: wait as long as it takes].
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = OWN)]
    wait: Option<Duration>,
    /// Release what a dead owner has left, and print whether it held anything.
    #[arg(
        long,
        value_name = "OWNER",
        conflicts_with_all = ["wait", "command", "destroy"],
        help_heading = OWN
    )]
    release: Option<String>,
    /// Take it from everybody, for when its holder is dead and nobody knows its owner's name.
    #[arg(long, conflicts_with_all = ["wait", "command"], help_heading = OWN)]
    destroy: bool,
    /// The command to run, behind two dashes.
    #[arg(
        last = true,
        value_name = "COMMAND",
        required_unless_present_any = ["release", "destroy"],
        help_heading = OWN
    )]
    command: Vec<OsString>,
}

/// The structure that is held.
enum Held {
    Lock(Lock),
    Semaphore(Semaphore),
}

impl Held {
    async fn try_within(&self, within: Duration) -> Result<Guard, AcquireError> {
        match self {
            Self::Lock(it) => it.try_within(within).await,
            Self::Semaphore(it) => it.try_within(within).await,
        }
    }

    async fn release_owner(&self, owner: &str) -> Result<bool, StructureError> {
        match self {
            Self::Lock(it) => it.release_owner(owner).await,
            Self::Semaphore(it) => it.release_owner(owner).await,
        }
    }

    async fn destroy(&self) -> Result<bool, StructureError> {
        match self {
            Self::Lock(it) => it.destroy().await,
            Self::Semaphore(it) => it.destroy().await,
        }
    }
}

/// Runs `casty lock`.
pub(crate) async fn lock(args: &HoldArgs) -> Result<(), CommandError> {
    run(args, "lock").await
}

/// Runs `casty semaphore`.
pub(crate) async fn semaphore(args: &HoldArgs) -> Result<(), CommandError> {
    run(args, "semaphore").await
}

async fn run(args: &HoldArgs, kind: &str) -> Result<(), CommandError> {
    if args.command.is_empty() {
        return operate(args, kind).await;
    }
    let cluster = &args.named.cluster;
    let missing = format!("no reply from {kind} {:?}", args.named.name);
    let signals = Signals::take().map_err(|error| CommandError::of("no signals", error))?;
    let session = Session::new(cluster, missing)?.within(None).uninterrupted();
    let ended = session.run(async |client| {
        let held = args.held(client, kind)?;
        hold(args, (client, &held), signals).await
    });
    match ended.await?.outcome? {
        0 => Ok(()),
        code => Err(CommandError::Ended(code)),
    }
}

/// Does what operators do.
async fn operate(args: &HoldArgs, kind: &str) -> Result<(), CommandError> {
    let done = args.named.run(async |structures| {
        let held = match kind {
            "lock" => Held::Lock(structures.lock(&args.named.name)?),
            _ => Held::Semaphore(structures.semaphore(&args.named.name)?),
        };
        Ok(match &args.release {
            Some(owner) => held.release_owner(owner).await?,
            None => held.destroy().await?,
        })
    });
    print_json(done.await?)
}

impl HoldArgs {
    fn held(&self, client: &ClusterClient, kind: &str) -> Result<Held, CommandError> {
        let structures = self.named.structures(client, self.named.cluster.timeout());
        let name = &self.named.name;
        Ok(match kind {
            "lock" => Held::Lock(structures.lock(name)?),
            _ => Held::Semaphore(structures.semaphore(name)?),
        })
    }
}

/// Acquires, runs the command, and releases. Returns the code to exit with.
async fn hold(
    args: &HoldArgs,
    (client, held): (&ClusterClient, &Held),
    mut signals: Signals,
) -> Result<u8, CommandError> {
    let acquired = async {
        // --timeout bounds the wait for the cluster, and --wait what comes behind it.
        client.topology().wait_for(|_| true).await?;
        acquire(args.wait, held).await
    };
    let guard = tokio::select! {
        guard = acquired => guard?,
        // An attempt that is under way is released in the background.
        signal = signals.next() => return Err(CommandError::Ended(signal.exit_code())),
    };
    tracing::info!(owner = guard.owner(), "acquired");
    let outcome = run_command(&args.command, &guard, &mut signals).await;
    let owner = guard.owner().to_owned();
    match guard.release().await {
        // What was lost was told then.
        Ok(Released::Freed | Released::Lost(_)) => {}
        Ok(_) => print_error("it was not held any more when the command ended"),
        Err(error) => print_error(format_args!(
            "it may still be held: {}; if so, --release {owner} or --destroy frees it",
            Chain(&error)
        )),
    }
    outcome
}

/// Tries until it is acquired or the time to wait is over. Takes no place in the node's queue, which a
/// process that is killed could not leave.
async fn acquire(wait: Option<Duration>, held: &Held) -> Result<Guard, CommandError> {
    const ANY_TIME: Duration = Duration::from_hours(366 * 24);
    let begun = Instant::now();
    loop {
        let left = wait.unwrap_or(ANY_TIME).saturating_sub(begun.elapsed());
        match held.try_within(left).await {
            Ok(guard) => return Ok(guard),
            Err(AcquireError::Timeout { .. }) => {
                let waited = wait.unwrap_or(ANY_TIME);
                let what = format!("not acquired within {waited:?}, because others hold it");
                return Err(CommandError::NotAcquired(what));
            }
            // What it may have left is released in the background.
            Err(
                error @ (AcquireError::Lost(_)
                | AcquireError::Structure(StructureError::Ask(AskError::Lost { .. }))),
            ) if begun.elapsed() < wait.unwrap_or(ANY_TIME) => {
                tracing::info!(error = %Chain(&error), "trying again");
                sleep(PAUSE).await;
            }
            Err(AcquireError::Structure(
                error @ StructureError::Ask(
                    AskError::Timeout { .. } | AskError::NotSent(NotSent::Expired(_)),
                ),
            )) if begun.elapsed() >= wait.unwrap_or(ANY_TIME) => {
                let waited = wait.unwrap_or(ANY_TIME);
                let what = format!("not acquired within {waited:?}: {}", Chain(&error));
                return Err(CommandError::NotAcquired(what));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Runs the command to its end: it is passed signals, and told to end when what is held is lost.
async fn run_command(
    command: &[OsString],
    guard: &Guard,
    signals: &mut Signals,
) -> Result<u8, CommandError> {
    let mut child = child::start(command)?;
    let mut is_lost = false;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|error| CommandError::of("the command", error))?;
                return Ok(child::exit_code(status));
            }
            signal = signals.next() => child::pass_on(signal, &mut child),
            lost = guard.lost(), if !is_lost => {
                is_lost = true;
                print_error(format_args!("not held any more, so the command is told to end: {lost}"));
                child::pass_on(Signal::Terminate, &mut child);
            }
        }
    }
}
