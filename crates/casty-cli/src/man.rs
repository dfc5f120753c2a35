//! `casty man`: the manual pages.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

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

/// The headings of the text behind a help, and the sections that they are in a manual.
const SECTIONS: [(&str, &str); 2] = [("Examples:", "EXAMPLES"), ("Exit codes:", "EXIT STATUS")];

/// Returns a page. What the help says before its first heading is part of the description.
fn page(command: &Command) -> Result<Vec<u8>, CommandError> {
    let man = Man::new(command.clone());
    let text = command.get_after_help().map(ToString::to_string);
    let lines: Vec<_> = text.iter().flat_map(|text| text.lines()).collect();
    let heading = |line: &&str| SECTIONS.iter().find(|(named, _)| named == line);
    let first = lines.iter().position(|line| heading(line).is_some());
    let (prose, rest) = lines.split_at(first.unwrap_or(lines.len()));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if !prose.is_empty() {
        page.extend(format!(".PP\n{}", body(prose)).bytes());
    }
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for section in rest.chunk_by(|_, next| heading(next).is_none()) {
        if let Some((named, lines)) = section.split_first()
            && let Some((_, name)) = heading(named)
        {
            page.extend(format!(".SH \"{name}\"\n{}", body(lines)).bytes());
        }
    }
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

/// Returns paragraphs, which are filled, and indented lines, which stay as they are.
fn body(lines: &[&str]) -> String {
    let mut body = String::new();
    let (mut is_filled, mut is_apart) = (true, false);
    for line in lines {
        if line.is_empty() {
            is_apart = !body.is_empty();
            continue;
        }
        let stays = line.starts_with(' ');
        body.push_str(match (is_filled, stays) {
            (true, true) if is_apart => ".PP\n.nf\n",
            (true, true) => ".nf\n",
            (false, true) if is_apart => "\n",
            (false, false) => ".fi\n.PP\n",
            (true, false) if is_apart => ".PP\n",
            _ => "",
        });
        body.push_str(&escaped(line));
        (is_filled, is_apart) = (!stays, false);
    }
    body.push_str(if is_filled { "" } else { ".fi\n" });
    body
}

/// Returns a line whose characters are printed as they are, and can be copied to a shell.
fn escaped(line: &str) -> String {
    let mut line = Roff::new().text([roman(line)]).to_roff();
    // A typographer's signs take the place of these otherwise; the first is defined by the title.
    for (sign, name) in [
        ("'", r"\*(Aq"),
        ("`", r"\(ga"),
        ("^", r"\(ha"),
        ("~", r"\(ti"),
    ] {
        line = line.replace(sign, name);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_filled_and_examples_stay_as_they_are() {
        let text = "Prose.\n\nMore.\n\n  casty a \\\n      '{\"b-c\"}' ~/d\n\n  casty e\n\nLast.";
        let lines: Vec<_> = text.lines().collect();
        let expected = "Prose.\n.PP\nMore.\n.PP\n.nf\n  casty a \\\\\n      \\*(Aq{\"b\\-c\"}\\*(Aq \\(ti/d\n\n  \
                        casty e\n.fi\n.PP\nLast.\n";
        assert_eq!(body(&lines), expected);
        assert_eq!(body(&["  casty"]), ".nf\n  casty\n.fi\n");
    }
}
