//! `casty completions`: what makes a shell complete the command.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::error::CommandError;
use crate::output::print_verbatim;

const EXAMPLES: &str = "\
Prints a script that makes the shell complete commands, options and their values.

Examples:
  casty completions bash > ~/.local/share/bash-completion/completions/casty
  casty completions zsh > ~/.zfunc/_casty
  casty completions fish > ~/.config/fish/completions/casty.fish";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the script for the command, as it is described to people.
pub(crate) fn run(args: &CompletionsArgs, mut described: Command) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut described, "casty", &mut script);
    print_verbatim(&script)
}
