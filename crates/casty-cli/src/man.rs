//! `casty man`: the manual pages.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;

use crate::error::CommandError;
use crate::output::{print, print_verbatim};

const EXAMPLES: &str = "\
Without a folder, prints the page of casty itself. With one, writes a page for it and for each of its
commands, casty.1, casty-ask.1 and so on, and prints their paths.

Examples:
  casty man | man -l -
  casty man ~/.local/share/man/man1";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// The folder to write all pages to; it is made if it is not there.
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Prints or writes the pages of the command, as it is described to people.
pub(crate) fn run(args: &ManArgs, described: Command) -> Result<(), CommandError> {
    let mut root = described.disable_help_subcommand(true);
    root.build();
    let Some(folder) = &args.folder else {
        return print_verbatim(&page(&root)?);
    };
    let failed =
        |path: &PathBuf, error| CommandError::of(format!("cannot write {}", path.display()), error);
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let mut open = vec![root];
    while let Some(command) = open.pop() {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let path = folder.join(format!("{name}.1"));
        fs::write(&path, page(&command)?).map_err(|error| failed(&path, error))?;
        print(path.display())?;
        open.extend(command.get_subcommands().cloned());
    }
    Ok(())
}

fn page(command: &Command) -> Result<Vec<u8>, CommandError> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
