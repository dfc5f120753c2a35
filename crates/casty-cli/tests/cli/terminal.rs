//! A command on a terminal of its own: a pseudo-terminal, and what its screen shows.

use std::os::fd::{AsFd, OwnedFd};

use casty_testkit::Cluster;
use pty_process::{Command, OwnedReadPty, OwnedWritePty, Size};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::timeout;
use vt100::{Color, Parser, Screen};

use crate::process::LONGEST;

/// The rows and columns of a terminal that nobody has made larger.
pub(crate) const SIZE: (u16, u16) = (24, 80);

/// A command on a terminal.
pub(crate) struct Terminal {
    child: Child,
    keys: OwnedWritePty,
    /// The device, which tells its modes.
    device: OwnedFd,
    shown: watch::Sender<Shown>,
}

/// The screen, and the last bytes that were drawn on it.
struct Shown {
    parser: Parser,
    last: Vec<u8>,
}

/// The bytes with which each drawing of the whole screen ends: the cursor is hidden.
const DRAWN: &[u8] = b"\x1b[?25l";

impl Shown {
    fn new() -> Self {
        Self {
            parser: Parser::new(SIZE.0, SIZE.1, 0),
            last: Vec::new(),
        }
    }

    fn draw(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.last.extend(bytes);
        self.last
            .drain(..self.last.len().saturating_sub(DRAWN.len()));
    }

    /// Returns the screen; `None` in the middle of a drawing.
    fn whole(&self) -> Option<&Screen> {
        let screen = self.parser.screen();
        let is_whole = !screen.alternate_screen() || self.last == DRAWN;
        is_whole.then_some(screen)
    }
}

/// The ways in which a terminal treats what is typed.
#[derive(Debug)]
pub(crate) struct Modes {
    /// A program is given whole lines, not each key.
    pub(crate) reads_lines: bool,
    pub(crate) echoes: bool,
}

impl Terminal {
    /// Starts a command on a terminal, whose size is set before.
    pub(crate) fn start(cluster: &Cluster, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(SIZE.0, SIZE.1)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_casty"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CASTY_") {
                command = command.env_remove(name);
            }
        }
        command = command
            .args(args)
            .env("CASTY_CONTACT_POINTS", cluster.contact_points().join(","))
            .env("CASTY_SYSTEM", cluster.system())
            .env("CASTY_REGIONS", "counter=100")
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .kill_on_drop(true);
        let child = command.spawn(pts).unwrap();
        let device = pty.as_fd().try_clone_to_owned().unwrap();
        let (output, keys) = pty.into_split();
        let (shown, _) = watch::channel(Shown::new());
        tokio::spawn(follow(output, shown.clone()));
        Self {
            child,
            keys,
            device,
            shown,
        }
    }

    /// Waits until the screen is as it is wanted, and returns it then.
    pub(crate) async fn shows(&self, what: &str, wanted: impl Fn(&Screen) -> bool) -> Screen {
        let mut screens = self.shown.subscribe();
        let shown = screens.wait_for(|shown| shown.whole().is_some_and(&wanted));
        match timeout(LONGEST, shown).await {
            Ok(Ok(shown)) => shown.parser.screen().clone(),
            _ => panic!("{what}: {:#?}", rows(self.shown.borrow().parser.screen())),
        }
    }

    /// Returns how the terminal treats what is typed now.
    pub(crate) fn modes(&self) -> Modes {
        let modes = tcgetattr(&self.device).unwrap().local_modes;
        Modes {
            reads_lines: modes.contains(LocalModes::ICANON),
            echoes: modes.contains(LocalModes::ECHO),
        }
    }

    /// Presses a key.
    pub(crate) async fn press(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).await.unwrap();
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        self.shown.send_modify(|shown| {
            // What was drawn for the last size is no whole screen.
            shown.last.clear();
            shown.parser.screen_mut().set_size(rows, columns);
        });
        self.keys.resize(Size::new(rows, columns)).unwrap();
    }

    /// Waits for the end of the command, and returns its exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let ended = timeout(LONGEST, self.child.wait()).await;
        ended.expect("the command does not end").unwrap().code()
    }
}

/// Puts all that a command prints onto the screen, until its terminal is closed: whoever is not read stops.
async fn follow(mut output: OwnedReadPty, shown: watch::Sender<Shown>) {
    let mut bytes = [0; 4096];
    // The other end is gone: an error on Linux, and nothing to read elsewhere.
    while let Ok(read @ 1..) = output.read(&mut bytes).await {
        shown.send_modify(|shown| shown.draw(&bytes[..read]));
    }
}

/// Returns the rows of a screen, without the blanks at their ends.
pub(crate) fn rows(screen: &Screen) -> Vec<String> {
    let (_, columns) = screen.size();
    let rows = screen.rows(0, columns);
    rows.map(|row| row.trim_end().to_owned()).collect()
}

/// Returns the colours of all characters that are shown.
pub(crate) fn colours(screen: &Screen) -> Vec<Color> {
    let (rows, columns) = screen.size();
    let all = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let cells = all.filter_map(|(row, column)| screen.cell(row, column));
    let mut colours = Vec::new();
    for colour in cells.flat_map(|cell| [cell.fgcolor(), cell.bgcolor()]) {
        if colour != Color::Default && !colours.contains(&colour) {
            colours.push(colour);
        }
    }
    colours
}
