//! The errors of a guard that cannot start.

use casty_testkit::StartError;

use crate::error::CommandError;

/// Makes the error of a guard that cannot listen. Its cause names the address of the machine.
pub(super) fn cannot_listen(error: StartError) -> CommandError {
    match error {
        StartError::Listen { source, .. } => CommandError::of("the guard cannot start", source),
        error => CommandError::of("the guard cannot start", error),
    }
}
