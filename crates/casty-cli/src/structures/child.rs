//! The command that runs while something is held.

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;

use tokio::process::{Child, Command};

use crate::error::{CommandError, chain};
use crate::output::print_error;

/// A signal that ends programs, which is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Hangup,
    Interrupt,
    Quit,
    Terminate,
}

impl Signal {
    /// Returns the code with which a shell tells that a command ended by it.
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Quit => 131,
            Self::Terminate => 143,
        }
    }
}

/// Starts the command.
pub(super) fn start(command: &[OsString]) -> Result<Child, CommandError> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| CommandError::Usage("a command is needed".into()))?;
    Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(|error| {
            let why = chain(&error);
            print_error(format_args!("cannot run {}: {why}", program.display()));
            let missing = error.kind() == io::ErrorKind::NotFound;
            CommandError::Ended(if missing { 127 } else { 126 })
        })
}

/// Returns the code to exit with for the end of a command.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| signal_code(status));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(unix)]
fn signal_code(status: ExitStatus) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    Some(128 + status.signal()?)
}

#[cfg(not(unix))]
fn signal_code(_: ExitStatus) -> Option<i32> {
    None
}

/// The signals that reach this process.
#[cfg(unix)]
pub(super) struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes them from here on, so that none ends the process.
    pub(super) fn take() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Hangup,
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Sends a signal to the command, unless it has ended, or was sent it already: what is typed at a terminal
/// goes to all processes in its foreground, and the second interrupt is an order to many programs to stop
/// where they are.
#[cfg(unix)]
pub(super) fn pass_on(signal: Signal, child: &mut Child) {
    use rustix::process::{Pid, Signal as Number, kill_process};
    if matches!(signal, Signal::Interrupt | Signal::Quit) && is_in_foreground() {
        return;
    }
    let number = match signal {
        Signal::Hangup => Number::HUP,
        Signal::Interrupt => Number::INT,
        Signal::Quit => Number::QUIT,
        Signal::Terminate => Number::TERM,
    };
    let process = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(process) = process.and_then(Pid::from_raw) {
        // It has ended by itself if this fails.
        kill_process(process, number).ok();
    }
}

/// Returns whether this process, and so the command, is in the foreground of a terminal.
#[cfg(unix)]
fn is_in_foreground() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    terminal.is_ok_and(|terminal| {
        let group = rustix::termios::tcgetpgrp(&terminal);
        group.is_ok_and(|group| group == rustix::process::getpgrp())
    })
}

/// The interrupts that reach this process.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Takes them from here on.
    pub(super) fn take() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::signal::ctrl_c().await.ok();
        Signal::Interrupt
    }
}

/// Ends the command, which has no signals.
#[cfg(not(unix))]
pub(super) fn pass_on(_: Signal, child: &mut Child) {
    child.start_kill().ok();
}
