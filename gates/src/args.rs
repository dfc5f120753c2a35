//! The arguments of the counting programs.

use crate::Failure;
use crate::meter::LeaveOut;
use crate::stages::STAGES;

/// Carries the messages that the arguments name through a stage: its name, and how many. Without
/// arguments, prints each stage's name and the number of messages that gives a steady count.
///
/// # Errors
/// The arguments name no stage or no number, or a message was lost.
pub fn count(args: impl IntoIterator<Item = String>, leave_out: LeaveOut) -> Result<(), Failure> {
    let mut args = args.into_iter();
    let Some(name) = args.next() else {
        for stage in &STAGES {
            println!("{} {}", stage.name, stage.messages);
        }
        return Ok(());
    };
    let mut stages = STAGES.iter();
    let stage = stages.find(|stage| stage.name == name);
    let stage = stage.ok_or_else(|| format!("{name}: no stage"))?;
    let messages = args.next().ok_or("how many messages?")?;
    (stage.carry)(messages.parse()?, leave_out)
}
