//! `casty config check`: the settings of a client, where each is from, and what is wrong with them.

use std::path::PathBuf;

use casty_client::Setting;
use casty_proto::Escaped;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::args::cluster::Cluster;
use crate::error::CommandError;
use crate::output::{note, print, print_as};

const EXAMPLES: &str = "\
Examples:
  casty config check client.toml
  casty config check gateway.toml --config-table casty \\
      --env-prefix GATEWAY_CASTY";

const CHECK_EXAMPLES: &str = "\
Prints each setting with its value and where that is from: the default, a line of the file, a variable of
the environment, or a flag; later ones above earlier. Secrets are hidden. Then checks that the values
make sense, and that certificates can be used; dials nobody. Exits with 0 if a client can be started with
these settings, and with 2 if not.

A program may keep its own settings beside those of its client: --config-table names the table that has
these, and --env-prefix what its variables begin with. A key that does not exist in the table is an error.

Examples:
  casty config check client.toml
  casty config check gateway.toml --config-table casty \\
      --env-prefix GATEWAY_CASTY
  casty config check client.toml --json | jq '.settings[] | select(.line)'";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print each setting and its origin, and what is wrong.
    #[command(after_help = CHECK_EXAMPLES, mut_arg("config", |arg| arg.hide(true)))]
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// The file, as TOML [default: none, for the environment and the flags alone].
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
}

/// Prints the settings, and checks them.
pub(crate) fn run(args: &ConfigArgs) -> Result<(), CommandError> {
    let Action::Check(Check { file, cluster }) = &args.action;
    let mut cluster = cluster.clone();
    if let Some(file) = file {
        cluster = cluster.with_file(file.clone());
    }
    let layers = cluster.layers()?;
    let settings = layers.settings()?;
    let placed: Vec<_> = settings.iter().map(|it| (it, line(&cluster, it))).collect();
    let document = || {
        let all: Vec<_> = placed
            .iter()
            .map(|(it, line)| document(it, *line))
            .collect();
        json!({ "settings": all })
    };
    print_as(document, || {
        placed
            .iter()
            .try_for_each(|(setting, line)| show(setting, *line))
    })?;
    cluster.check(layers)?;
    for needed in ["system_name", "contact_points"] {
        let missing = |it: &&Setting| it.key == needed && it.value.is_none();
        if settings.iter().any(|it| missing(&it)) {
            note(format_args!("{needed} is not set: the program has to"));
        }
    }
    Ok(())
}

/// Returns the line that a setting is from, if it is from the file.
fn line(cluster: &Cluster, setting: &Setting) -> Option<usize> {
    let file = cluster.file()?.display().to_string();
    let is_of_file = setting.origin.as_deref() == Some(&*file);
    is_of_file.then(|| cluster.line_of(setting.key)).flatten()
}

/// Prints a setting as three columns.
fn show(setting: &Setting, line: Option<usize>) -> Result<(), CommandError> {
    let value = Escaped::whole(setting.value.as_deref().unwrap_or("-")).exact();
    let origin = Escaped::whole(setting.origin.as_deref().unwrap_or("default")).exact();
    let key = setting.key;
    match line {
        Some(line) => print(format_args!("{key:<18}  {value}  {origin}, line {line}")),
        None => print(format_args!("{key:<18}  {value}  {origin}")),
    }
}

fn document(setting: &Setting, line: Option<usize>) -> Value {
    json!({
        "key": setting.key,
        "value": setting.value,
        "origin": setting.origin,
        "line": line,
    })
}
