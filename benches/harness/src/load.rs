//! The kinds of messages that are sent, and how many at once.

use std::fmt;
use std::str::FromStr;

use crate::Failure;

/// A kind of messages to send, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Load {
    /// As many tasks, each of which asks, awaits the reply, and asks again.
    Ask(u16),
    /// One task with as many asks in flight, by the call that a sender has for that.
    AskMany(u16),
    /// Tells, one after the other, until the other side has counted them all.
    Tell,
    /// Tells by the call that a sender has for many, until all are counted.
    TellAll,
    /// Tells that one task hands to another, which sends them, until all are counted.
    TellChannel,
}

impl Load {
    /// Returns the number of asks in flight; `None` for tells.
    pub fn in_flight(self) -> Option<u16> {
        match self {
            Self::Ask(at_once) | Self::AskMany(at_once) => Some(at_once),
            Self::Tell | Self::TellAll | Self::TellChannel => None,
        }
    }

    /// Returns the load in words.
    pub fn in_words(self) -> String {
        match self {
            Self::Ask(at_once) => format!("ask c={at_once}"),
            Self::AskMany(at_once) => format!("ask_many {at_once}"),
            Self::Tell => "tell".to_owned(),
            Self::TellAll => "tell_all".to_owned(),
            Self::TellChannel => "tell, by a channel".to_owned(),
        }
    }
}

/// The name on command lines and in orders.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(at_once) => write!(f, "c{at_once}"),
            Self::AskMany(at_once) => write!(f, "many{at_once}"),
            Self::Tell => f.write_str("tell"),
            Self::TellAll => f.write_str("tell_all"),
            Self::TellChannel => f.write_str("tell_channel"),
        }
    }
}

impl FromStr for Load {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        let at_once = |digits: &str| digits.parse().ok().filter(|at_once| *at_once > 0);
        let many = name.strip_prefix("many").and_then(at_once);
        let ask = name.strip_prefix('c').and_then(at_once);
        match (name, many, ask) {
            ("tell", ..) => Ok(Self::Tell),
            ("tell_all", ..) => Ok(Self::TellAll),
            ("tell_channel", ..) => Ok(Self::TellChannel),
            (_, Some(at_once), _) => Ok(Self::AskMany(at_once)),
            (_, _, Some(at_once)) => Ok(Self::Ask(at_once)),
            _ => Err(format!("{name}: no load").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for load in [
            Load::Ask(512),
            Load::AskMany(64),
            Load::Tell,
            Load::TellAll,
            Load::TellChannel,
        ] {
            assert_eq!(load.to_string().parse::<Load>().unwrap(), load);
        }
        for name in ["", "c", "c0", "d7", "many", "many-1", "c70000", "Tell"] {
            name.parse::<Load>().unwrap_err();
        }
    }
}
