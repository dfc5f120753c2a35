//! `casty watch`: the cluster on a terminal, as it is now and as long as somebody looks.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use casty_client::diagnosis::Diagnosis;
use casty_client::{Admin, ClusterClient, ReadyError};
use clap::{Args, ValueEnum};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::args::cluster::Cluster;
use crate::args::time::time;
use crate::error::CommandError;
use crate::log::{Kept, last_lines};
use crate::output::{is_json, is_terminal, print, print_json};
use crate::render::Rendering;
use crate::session::Session;
use crate::signals::{hangup, interrupt};

mod draw;
mod keys;
mod screen;
#[cfg(test)]
mod tests;

use draw::Palette;
use keys::{Key, Keys};
use screen::Screen;

/// The time between two drawings where nothing changes but the ages.
const TICK: Duration = Duration::from_secs(1);

/// The most lines of the log that are shown.
const LOG: usize = 5;

const EXAMPLES: &str = "\
Shows members, leader, epoch, shards of each node, regions, services, and what casty doctor finds, and
goes on until q is pressed: also while no node can be reached, until one is back. The arrows, PgUp, PgDn,
Home and End scroll; ? explains the columns. Uses no more memory after a week than after a minute.

With -v, the last lines of the log are shown at the foot, and more of them once it is left; all of them go
to where standard error leads, if that is no terminal.

Where standard output is no terminal, or with --output json, prints what casty topology prints, once.

Examples:
  casty watch --contact 127.0.0.1:25520 --system my-cluster
  casty watch --contact 127.0.0.1:25520 --system my-cluster --color never
  casty watch --contact 127.0.0.1:25520 --system my-cluster -vv 2> watch.log";

/// The help of `--timeout`, which bounds the first view alone.
const TIMEOUT: &str = "The time for the first view of the cluster to come; there is no other limit \
    [default: 5s]";

/// The choice of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// Unless the variable NO_COLOR is set.
    Auto,
    /// In any case.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("timeout", |arg| arg.help(TIMEOUT)))]
pub(crate) struct WatchArgs {
    /// Use colours: auto, unless NO_COLOR is set; always; never.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto, hide_possible_values = true)]
    color: Colour,
    /// The time between two examinations by the doctor, which asks every node for its state.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "15s")]
    every: Duration,
    #[command(flatten)]
    cluster: Cluster,
}

/// Shows the cluster until the user has seen enough; once where there is no terminal.
pub(crate) async fn run(args: &WatchArgs) -> Result<(), CommandError> {
    let session = Session::new(&args.cluster, "no view of the cluster came")?;
    let counts = session.config().regions();
    if !draws() {
        let ended = session.run(async |client| once(client, counts).await);
        return ended.await?.outcome;
    }
    let system = session.config().system_name().unwrap_or_default();
    let screen = Screen::new(system, counts.clone());
    let session = session.within(None).uninterrupted();
    let ended = session.run(async |client| {
        tokio::select! {
            shown = show(client, screen.clone(), args) => shown,
            () = interrupt() => Err(CommandError::Interrupted),
            () = hangup() => Err(CommandError::Ended(129)),
        }
    });
    ended.await?.outcome
}

/// Returns whether this command draws on the terminal, for there is one.
pub(crate) fn draws() -> bool {
    !is_json() && is_terminal()
}

/// Prints what `casty topology` prints.
async fn once(client: &ClusterClient, counts: &BTreeMap<String, u32>) -> Result<(), CommandError> {
    let view = client.topology().wait_for(|_| true).await?;
    let rendering = Rendering::of(&view, counts);
    if !is_json() {
        return rendering.lines().into_iter().try_for_each(print);
    }
    let text = serde_json::to_string(&rendering);
    print_json(text.map_err(|error| CommandError::of("the view cannot be printed", error))?)
}

/// The terminal as this command uses it; as it was before when this is dropped, and when the process panics.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

type Examination = Pin<Box<dyn Future<Output = Result<Diagnosis, ReadyError>>>>;

/// Begins the next examination, after a pause.
fn examine(admin: &Admin, pause: Duration) -> Examination {
    let admin = admin.clone();
    Box::pin(async move {
        sleep(pause).await;
        admin.diagnose().await
    })
}

/// Draws the screen whenever it changes, until it is left.
async fn show(
    client: &ClusterClient,
    mut screen: Screen,
    args: &WatchArgs,
) -> Result<(), CommandError> {
    // Whoever cannot reach the cluster reads the reason on an ordinary terminal.
    let mut topology = client.topology();
    let first = topology.wait_for(|_| true).await?;
    // In a quiet cluster no other comes: only views that differ are told.
    screen.see(&first);
    let failed = |error| CommandError::of("cannot use the terminal", error);
    // Before the terminal is taken, and so until it is given back.
    let _kept = Kept::begin();
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let _restored = Restored;
    let palette = args.palette();
    // Else the library leaves out colours where NO_COLOR is set, and that was decided.
    ratatui::crossterm::style::force_color_output(true);
    let admin = client.admin().within(args.cluster.share());
    let mut examination = examine(&admin, Duration::ZERO);
    let mut keys = Keys::read();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            view = topology.changed() => {
                let view = view?;
                screen.see(&view);
            }
            found = &mut examination => {
                screen.examined(found, Instant::now());
                examination = examine(&admin, args.every);
            }
            key = keys.next() => match key {
                Some(Key::Quit) => return Ok(()),
                Some(key) => screen.press(key),
                // The terminal is gone.
                None => return Err(CommandError::Ended(129)),
            },
            _ = ticks.tick() => {}
        }
        screen.count(&client.stats(), Instant::now());
        screen.log = last_lines(LOG);
        let drawn = terminal.draw(|frame| draw::draw(frame, &mut screen, palette));
        drawn.map_err(failed)?;
    }
}

impl WatchArgs {
    fn palette(&self) -> Palette {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self.color {
            Colour::Always => Palette::COLOURS,
            Colour::Auto if !is_refused => Palette::COLOURS,
            Colour::Auto | Colour::Never => Palette::PLAIN,
        }
    }
}
