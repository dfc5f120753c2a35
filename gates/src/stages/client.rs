//! The whole client: tells, asks, and of asks the part from the reply's bytes to its task.

use casty_client::Codec;

use crate::Failure;
use crate::meter::LeaveOut;
use crate::whole::Whole;

/// Asks in flight at once.
const IN_FLIGHT: u32 = 64;

/// Tells, from the call until the transport has the bytes.
pub(super) fn tell(messages: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    let whole = Whole::connect(Codec::pickle(), leave_out)?;
    whole.tell(messages)?;
    whole.close()
}

/// Tells in one call, from the messages until the transport has the bytes.
pub(super) fn tell_all(messages: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    let whole = Whole::connect(Codec::pickle(), leave_out)?;
    whole.tell_all(messages)?;
    whole.close()
}

/// Asks, from the call until the reply is there, a task for each in flight.
pub(super) fn ask(messages: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    asks(messages, IN_FLIGHT, leave_out)
}

/// Asks one after the other, each with a write and a read of its own.
pub(super) fn ask_alone(messages: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    asks(messages, 1, leave_out)
}

/// Asks in one call, from the messages until the replies are there.
pub(super) fn ask_many(messages: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    let whole = Whole::connect(Codec::pickle(), leave_out)?;
    whole.ask_many(messages, IN_FLIGHT as usize)?;
    whole.close()
}

fn asks(messages: u32, in_flight: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    let whole = Whole::connect(Codec::pickle(), leave_out)?;
    whole.ask(messages, in_flight)?;
    whole.close()
}

/// Reads replies, a read for all in flight, and matches them to their asks. What tasks do that are
/// woken is left out.
pub(super) fn match_reply(messages: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    let whole = Whole::connect(Codec::pickle(), leave_out)?;
    for _ in 0..messages / IN_FLIGHT {
        let mut asked = Ok(Vec::new());
        leave_out(&mut || asked = whole.send_asks(IN_FLIGHT as usize));
        let mut asked = asked?;
        whole.read_replies();
        let mut taken = Ok(());
        leave_out(&mut || taken = whole.take_replies(std::mem::take(&mut asked)));
        taken?;
    }
    whole.close()
}
