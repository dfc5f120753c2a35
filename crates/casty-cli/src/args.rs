//! The arguments of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use casty_client::NodeAddress;
use casty_proto::Escaped;
use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::actor::ActorArgs;
use crate::output::{self, Format};
use crate::structures::hold::{LOCK_EXAMPLES, SEMAPHORE_EXAMPLES};

pub(crate) mod cluster;
#[cfg(test)]
mod examples;
mod paragraphs;
mod place;
pub(crate) mod time;

use cluster::{Cluster, Region};

const EXAMPLES: &str = "\
Examples:
  casty demo
  casty ask --contact 127.0.0.1:25520 --system my-cluster --shards 100 \\
      counter user-42 \\
      '{\"_type\": \"counter_app.GetCount\", \"reply_to\": {\"__ref__\": \"$reply\"}}'
  casty topology --contact 127.0.0.1:25520 --system my-cluster --watch
  casty doctor --contact 127.0.0.1:25520 --system my-cluster

Every command has examples of its own: casty ask --help.

Exit codes:
    0  done
    1  failed, or something was found: by doctor, or by types --check
    2  wrong usage
    3  timed out
    4  there is no value: in a queue for pop or peek, under a key for map get
   75  not free in time: a lock, or a semaphore
  130  interrupted

casty lock and casty semaphore exit as the command does that they run.";

const ASK_EXAMPLES: &str = "\
The message is JSON in Casty's notation: {\"_type\": \"module.Class\", ...} is an object of that
class, and {\"__ref__\": \"$reply\"} stands for the reference that the reply goes to. The reply is
printed in the same notation.

With the serializer pickle, nodes import and call the classes that a message names: whatever was
typed is allowed, so send none that a stranger wrote.

Nothing on the wire tells into how many shards the nodes divide a region, so that is given. A number
that the cluster's allocations speak against is refused, unless --force is given: one message with a
wrong number makes a second copy of its entity.

With --actor, the message goes to an actor by its path, of one node, of the leader (a singleton is
/_singleton-NAME there) or of all members (a broadcast's actors are /_bcast-NAME; NAME alone would
send it from each to all). With --all, each reply is printed as {\"node\": ..., \"reply\": ...}, and
members that are silent are named.

Examples:
  casty ask --contact 127.0.0.1:25520 --system my-cluster --shards 100 \\
      counter user-42 \\
      '{\"_type\": \"counter_app.GetCount\", \"reply_to\": {\"__ref__\": \"$reply\"}}'
  casty ask --contact 127.0.0.1:25520 --system my-cluster \\
      --actor /_singleton-billing --leader \\
      '{\"_type\": \"bank.GetTotal\", \"reply_to\": {\"__ref__\": \"$reply\"}}'

  export CASTY_CONTACT_POINTS=10.0.1.10:25520,10.0.1.11:25520
  export CASTY_SYSTEM=my-cluster CASTY_REGIONS=account=256,counter=100
  casty ask --codec json --timeout 0.5 account alice \\
      '{\"_type\": \"bank.GetBalance\", \"reply_to\": {\"__ref__\": \"$reply\"}}'";

const TELL_EXAMPLES: &str = "\
The message is JSON in Casty's notation: {\"_type\": \"module.Class\", ...} is an object of that
class. With --file, each line is an entity's id, a tab and a message; lines that cannot be read are
reported with their number and left out. It goes on until the input ends, however long that is and takes,
with no more than some MiB in memory, and shows its progress on a terminal. At the end, standard error shows
how many messages were written to the network, not sent, and cut by a lost connection, in which time, and how
many were written in a second. Casty acknowledges nothing, so none is called delivered. A message for which no
node is found within a minute is dropped and counted as not sent; the others go on, and the command fails at
its end.

With the serializer pickle, nodes import and call the classes that a message names: whatever was
typed, or is in the file, is allowed, so send none that a stranger wrote.

As with casty ask, the number of shards is given, and refused if the cluster's allocations speak
against it, unless --force is given. With --actor, the message goes to an actor by its path, as
casty ask --help tells.

Examples:
  casty tell --contact 127.0.0.1:25520 --system my-cluster --shards 100 \\
      counter user-42 \\
      '{\"_type\": \"counter_app.Increment\", \"amount\": 5}'

  export CASTY_CONTACT_POINTS=10.0.1.10:25520,10.0.1.11:25520
  export CASTY_SYSTEM=my-cluster CASTY_REGIONS=account=256,counter=100
  casty tell counter --file deposits.tsv
  printf 'alice\\t{\"_type\": \"bank.Deposit\", \"amount\": 5}\\n' \\
      | casty tell account --file -";

const LOOKUP_EXAMPLES: &str = "\
Prints the reference of each instance on a node that is alive, one a line; exits with 1 when there
is none. With --ask, asks the first instance instead and prints its reply, or with --all those of all
instances, one {\"node\": ..., \"reply\": ...} a line; any class that the message names is allowed, as
casty ask --help tells. With --watch, prints a line `+ REFERENCE` for each instance that there is or
comes, and `- REFERENCE` for each that goes, until it is interrupted, and begins with `no instances`
if there is none; with --json, prints the whole array at first and after each change.

Examples:
  casty lookup --contact 127.0.0.1:25520 --system my-cluster greeter
  casty lookup --contact 127.0.0.1:25520 --system my-cluster greeter --watch
  casty lookup --contact 127.0.0.1:25520 --system my-cluster greeter \\
      --ask '{\"_type\": \"hello.Greet\", \"reply_to\": {\"__ref__\": \"$reply\"}}'";

const TOPOLOGY_EXAMPLES: &str = "\
Shows the cluster as one of its nodes sees it, and of each region which shards are allocated. A line
that begins with `warning` tells where these speak against the number of shards that [regions] of
--config or CASTY_REGIONS names: some program uses another one. With --watch, prints what changes
until it is interrupted; --timeout ends the watch (with 0) if it is given. With --json, prints one
JSON document a line, with --watch one after each change.

Examples:
  casty topology --contact 127.0.0.1:25520 --system my-cluster
  casty topology --contact 127.0.0.1:25520 --system my-cluster --watch
  casty topology --contact 127.0.0.1:25520 --system my-cluster --json \\
      | jq .leader";

const DOCTOR_EXAMPLES: &str = "\
Asks every node for its state, and prints what is wrong: members that are called up and cannot be
connected or do not answer, views that differ, shards and services on lost nodes, no leader or one
that is lost, members that join or leave and stay so, addresses or ids that are taken twice, and
shards that some client has asked for and others do not have: compared with what [regions] of
--config or CASTY_REGIONS names, or else guessed from which shards are allocated. Each finding comes
with what it means for messages and what helps. A finding that healthy clusters show for a moment,
too, must be there again 1.5 s later.

Exits with 0 if nothing is wrong, or all findings are notes; with 1 otherwise. With --json, prints
one document: healthy, and findings with severity (note, warning, critical), problem, node, name
(of a region, service or id), what, means and helps.

Examples:
  casty doctor --contact 127.0.0.1:25520 --system my-cluster
  casty doctor --contact 127.0.0.1:25520 --system my-cluster --json \\
      | jq -r '.findings[].helps'
  casty doctor --contact 10.0.1.10:25520 --system my-cluster --timeout 20";

const DOWN_EXAMPLES: &str = "\
Declares a member dead whose process has ended: tells every connected node, all at once. Nodes then
call it down, the leader gives its shards away, and its services are dropped. For members that
casty doctor finds to be called up and to refuse connections. A member that answers is refused,
unless --force is given: it would go on running and be no part of the cluster any more.

The leader of a cluster of casty 0.21.0 may leave the member its shards: where it leads because the
member died, or where there are several regions. It is then told to look again, which disturbs
nothing else, and that is printed.

Prints which nodes were told, when the member was down in their views, and when none listed it for a
shard any more. The nodes that could not be told, and so may still call it up, are printed on
standard error. Exits with 1 if no node was told, with 3 if that did not come to pass everywhere in
time: a node that was not told brings the member back, so run it again.

Examples:
  casty down --contact 127.0.0.1:25520 --system my-cluster 127.0.0.1:25522
  casty down --contact 127.0.0.1:25520 --system my-cluster \\
      --force 127.0.0.1:25522";

/// The help of `--timeout` where a command may go on and print what changes.
const WATCH_TIMEOUT: &str = "The time for the whole command, connecting and closing included [default: \
    5s; with --watch, none once the first view has come]";

/// The help of `--timeout` where a command may send as long as there is something to send.
const FILE_TIMEOUT: &str = "The time for the whole command, connecting and closing included [default: \
    5s; with --file, none once the first view has come]";

const DEMO_EXAMPLES: &str = "\
Starts three nodes in this process, on loopback TCP, and a client; tells, asks, kills the node that
owns an entity, and asks again. Needs nothing else. Exits with 1, and prints the reason, if anything
that it narrates does not happen.

Examples:
  casty demo
  casty demo -vv 2> demo.log";

/// Talk to a Casty cluster from a shell.
#[derive(Debug, Parser)]
#[command(name = "casty", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Log to standard error: -v what matters, -vv everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print lines for people, or JSON, one document a line, errors and notes too [default: text].
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    output: Option<Format>,
    /// The same as --output json.
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
}

impl Arguments {
    /// Returns the arguments of the process, which ends here if they make no sense or ask for help.
    pub(crate) fn read() -> Self {
        Self::parsed().unwrap_or_else(|error| {
            let error = escaped(error);
            if error.use_stderr() && wants_json(std::env::args_os()) {
                output::choose(Format::Json);
                let text = error.render().to_string();
                let what = text.split("\n\nUsage:").next().unwrap_or(&text);
                let what = what.trim_start_matches("error: ").split_whitespace();
                let what = what.collect::<Vec<_>>().join(" ");
                let helps = "--help behind the command shows its arguments, with examples";
                output::print_failure(&what, helps, 2);
                std::process::exit(2);
            }
            error.exit()
        })
    }

    /// Returns the form in which everything is printed.
    pub(crate) fn format(&self) -> Format {
        match self.output {
            Some(format) => format,
            None if self.json => Format::Json,
            None => Format::Text,
        }
    }

    /// Returns the command line as it is described to people, whole.
    pub(crate) fn described() -> clap::Command {
        paragraphs::joined(Self::command())
    }

    fn parsed() -> Result<Self, clap::Error> {
        let mut command = Self::described();
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Returns whether arguments that make no sense ask for JSON.
fn wants_json(typed: impl IntoIterator<Item = OsString>) -> bool {
    let mut before = OsString::new();
    for word in typed.into_iter().take_while(|word| word != "--") {
        if word == "--json" || word == "--output=json" || (before == "--output" && word == "json") {
            return true;
        }
        before = word;
    }
    false
}

/// Escapes what the user typed where a usage error repeats it. The error's own styles stay.
fn escaped(mut error: clap::Error) -> clap::Error {
    let escaped = |text: &String| Escaped::whole(text).to_string();
    let changed = error.context().filter_map(|(kind, told)| {
        let shown = match told {
            ContextValue::String(text) => ContextValue::String(escaped(text)),
            ContextValue::Strings(all) => ContextValue::Strings(all.iter().map(escaped).collect()),
            _ => return None,
        };
        (shown != *told).then_some((kind, shown))
    });
    let changed: Vec<_> = changed.collect();
    if !changed.is_empty() {
        // Tips repeat it, too, and are styled already.
        error.remove(ContextKind::Suggested);
    }
    for (kind, shown) in changed {
        error.insert(kind, shown);
    }
    error
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask an entity or an actor, and print the reply.
    Ask(Ask),
    /// Send messages to entities or actors.
    Tell(Tell),
    /// Send messages at a fixed rate, and tell how long replies took.
    Bench(crate::bench::BenchArgs),
    /// List the instances of a service, or ask one.
    Lookup(Lookup),
    /// Show the members of the cluster and where its shards are.
    Topology(Topology),
    /// Look at the cluster on a terminal, as it changes.
    Watch(crate::watch::WatchArgs),
    /// Print what is wrong with the cluster, and what helps.
    Doctor(Doctor),
    /// Declare a member dead.
    Down(Down),
    /// Read a counter, or add to it.
    Counter(crate::structures::counter::CounterArgs),
    /// Read and change a map.
    Map(crate::structures::map::MapArgs),
    /// Read and change a set.
    Set(crate::structures::set::SetArgs),
    /// Push to a queue, and take from it.
    Queue(crate::structures::queue::QueueArgs),
    /// Hold a lock while a command runs.
    #[command(after_help = LOCK_EXAMPLES)]
    Lock(crate::structures::hold::HoldArgs),
    /// Hold a permit of a semaphore while a command runs.
    #[command(after_help = SEMAPHORE_EXAMPLES)]
    Semaphore(crate::structures::hold::HoldArgs),
    /// Wait for others at a barrier.
    Barrier(crate::structures::barrier::BarrierArgs),
    /// Let clients reach a node by another transport, QUIC for example.
    Proxy(crate::proxy::ProxyArgs),
    /// Keep the dead members of a cluster dead, as a member that hosts nothing.
    Guard(crate::guard::GuardArgs),
    /// Make certificates for nodes with TLS and for their clients.
    Cert(crate::cert::CertArgs),
    /// Write the messages of Python modules as Rust types.
    Types(crate::types::arguments::TypesArgs),
    /// Check the settings of a client, and tell where each is from.
    Config(crate::config::ConfigArgs),
    /// Print what makes a shell complete this command.
    Completions(crate::completions::CompletionsArgs),
    /// Print the manual page, or write those of all commands.
    Man(crate::man::ManArgs),
    /// See a client at work on a cluster of its own.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo,
}

impl Command {
    /// Returns whether it is a command of a cluster that casty doctor could look at.
    pub(crate) fn has_a_cluster(&self) -> bool {
        !matches!(
            self,
            Self::Doctor(_)
                | Self::Proxy(_)
                | Self::Cert(_)
                | Self::Types(_)
                | Self::Config(_)
                | Self::Completions(_)
                | Self::Man(_)
                | Self::Demo
        )
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = ASK_EXAMPLES,
    override_usage = "casty ask [OPTIONS] <REGION> <ENTITY_ID> <JSON>\n       \
        casty ask [OPTIONS] --actor <PATH> <--node <HOST:PORT>|--leader|--all> <JSON>"
)]
pub(crate) struct Ask {
    /// With an actor, its name is the message: the first word, and the only one.
    #[command(flatten)]
    pub(crate) region: Region,
    /// The entity's id.
    #[arg(required_unless_present = "actor", conflicts_with = "actor")]
    pub(crate) entity_id: Option<String>,
    /// The message, with {"__ref__": "$reply"} where the reply goes to.
    #[arg(
        value_name = "JSON",
        required_unless_present = "actor",
        conflicts_with = "actor",
        allow_negative_numbers = true
    )]
    pub(crate) message: Option<String>,
    #[command(flatten)]
    pub(crate) actor: ActorArgs,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Args)]
#[command(
    after_help = TELL_EXAMPLES,
    mut_arg("timeout", |arg| arg.help(FILE_TIMEOUT)),
    override_usage = "casty tell [OPTIONS] <REGION> <ENTITY_ID> <JSON>\n       \
        casty tell [OPTIONS] <REGION> --file <FILE>\n       \
        casty tell [OPTIONS] --actor <PATH> <--node <HOST:PORT>|--leader|--all> <JSON>"
)]
pub(crate) struct Tell {
    /// With an actor, its name is the message: the first word, and the only one.
    #[command(flatten)]
    pub(crate) region: Region,
    /// The entity's id.
    #[arg(required_unless_present_any = ["file", "actor"], conflicts_with = "actor")]
    pub(crate) entity_id: Option<String>,
    /// The message.
    #[arg(
        value_name = "JSON",
        required_unless_present_any = ["file", "actor"],
        conflicts_with = "actor",
        allow_negative_numbers = true
    )]
    pub(crate) message: Option<String>,
    /// Send each line `ENTITY_ID<TAB>JSON` of this file, or of standard input if it is `-`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["entity_id", "message", "actor"])]
    pub(crate) file: Option<PathBuf>,
    /// Stop at the first line that cannot be sent.
    #[arg(long, conflicts_with_all = ["entity_id", "message"])]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) actor: ActorArgs,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Args)]
#[command(after_help = LOOKUP_EXAMPLES, mut_arg("timeout", |arg| arg.help(WATCH_TIMEOUT)))]
pub(crate) struct Lookup {
    /// The name of the service key.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Ask the first instance this, with {"__ref__": "$reply"} where the reply goes to.
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    pub(crate) ask: Option<String>,
    /// Ask all instances, and print each reply with its node; those that are silent are named.
    #[arg(long, requires = "ask")]
    pub(crate) all: bool,
    /// Go on, and print which instances come and go.
    #[arg(long, conflicts_with = "ask")]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Args)]
#[command(after_help = TOPOLOGY_EXAMPLES, mut_arg("timeout", |arg| arg.help(WATCH_TIMEOUT)))]
pub(crate) struct Topology {
    /// Go on, and print what changes.
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[derive(Debug, Args)]
#[command(after_help = DOWN_EXAMPLES)]
pub(crate) struct Down {
    /// The member, by the address that casty topology shows; in quotes if that has escapes.
    #[arg(value_name = "HOST:PORT", value_parser = NodeAddress::from_shown)]
    pub(crate) node: NodeAddress,
    /// Declare it dead even if it answers.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns all commands, each with its name.
    pub(super) fn commands() -> Vec<(String, clap::Command)> {
        let mut root = paragraphs::joined(Arguments::command());
        root.build();
        let mut open = vec![(root.get_name().to_owned(), root)];
        let mut found = Vec::new();
        while let Some((name, command)) = open.pop() {
            let inner = command.get_subcommands();
            open.extend(inner.map(|it| (format!("{name} {}", it.get_name()), it.clone())));
            found.push((name, command));
        }
        found
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_line_of_any_help_is_longer_than_the_terminal() {
        for (name, command) in commands() {
            for width in [80, 100] {
                let mut command = command.clone().term_width(width);
                for help in [command.render_help(), command.render_long_help()] {
                    let help = help.to_string();
                    // Usage is not broken: who types it needs it whole.
                    let usage = command.render_usage().to_string();
                    for line in help.lines().filter(|line| !usage.contains(*line)) {
                        assert!(line.chars().count() <= width, "{name}: {line}");
                    }
                    for line in usage.lines() {
                        assert!(line.chars().count() <= 100, "{name}: {line}");
                    }
                }
            }
        }
    }

    #[test]
    fn examples_stay_on_their_lines_in_a_terminal_of_80_columns() {
        for (name, command) in commands() {
            let text = command.get_after_help().map(ToString::to_string);
            let text = text.unwrap_or_default();
            for line in text.lines().filter(|line| line.starts_with(' ')) {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
        }
    }

    #[test]
    fn what_a_command_does_is_not_listed_with_what_names_the_cluster() {
        let listed = |command: &clap::Command| -> Vec<String> {
            let arguments = command.get_arguments();
            let listed = arguments.filter(|arg| arg.get_help_heading() == Some("Cluster"));
            listed.map(|arg| arg.get_id().to_string()).collect()
        };
        let commands = commands();
        let topology = commands.iter().find(|(name, _)| name == "casty topology");
        let mut known = listed(&topology.unwrap().1);
        known.push("shards".to_owned());
        for (name, command) in &commands {
            let others = listed(command).into_iter().filter(|id| !known.contains(id));
            assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{name}");
        }
    }

    #[test]
    fn the_time_is_what_it_is_for_each_command() {
        let whole = "The time for the whole command, connecting and closing included [default: 5s]";
        for (name, command) in commands() {
            let timeout = command
                .get_arguments()
                .find(|arg| arg.get_id() == "timeout");
            let help = timeout
                .and_then(clap::Arg::get_help)
                .map(ToString::to_string);
            let expected = match name.as_str() {
                "casty lock" | "casty semaphore" => "for each reply of a node",
                "casty barrier" => "The time to wait for the others",
                "casty lookup" | "casty topology" => "with --watch, none once",
                "casty tell" => "with --file, none once",
                "casty watch" => "The time for the first view",
                "casty bench" => "and for each reply",
                "casty types" => "The time that Python may take",
                _ => whole,
            };
            assert!(help.is_none_or(|help| help.contains(expected)), "{name}");
        }
    }
}
