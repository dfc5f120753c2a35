//! The sentences that say what the user may do about an error.

use std::error::Error;
use std::fmt;
use std::io;

use casty_client::{
    AcquireError, AskError, ConfigError, ConnectError, DownError, EncodeError, NotSent, ReadyError,
    RegionError, SettingError, StructureError, TellError,
};
use casty_transport::{Conclusion, NotCasty};

use crate::message::MessageError;

pub(super) const HELP: &str = "--help behind the command shows its arguments, with examples";
/// The advice where nothing is known of the cause, and a cluster may be at fault.
pub(crate) const LOOK: &str =
    "casty doctor tells what is wrong with the cluster; -v logs what this command does";
/// The advice where nothing is known of the cause, and there is no cluster.
pub(crate) const LOG: &str = "-v logs what this command does";
/// The advice where a cluster that could be reached took too long.
pub(crate) const TIME: &str =
    "give it more time with --timeout; casty doctor tells what is wrong with the cluster";
pub(super) const AGAIN: &str = "run it again in a moment";
const REPEAT: &str =
    "it may have been done: repeat it only if twice does no harm; casty topology shows who is left";
pub(crate) const CODEC: &str =
    "--codec must be the serializer of the nodes, and the classes ones that they know";
const SHARDS: &str =
    "--shards must be the nodes' num_shards; casty topology shows which are allocated";
pub(super) const FILES: &str = "check the file's path, and who may read or write it";
const NOTATION: &str =
    "casty ask --help shows how messages are written; put them in single quotes for the shell";
const TO_CONFIG: &str = "casty.example.toml of casty-client lists every setting with its values";

/// An error, and what helps against it.
#[derive(Debug)]
pub(super) struct Advised {
    pub(super) error: Box<dyn Error>,
    pub(super) helps: &'static str,
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Advised {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Returns what helps against an address at which there was no node to talk to.
pub(crate) fn of_contact(error: &ConnectError) -> &'static str {
    const TRANSPORT: &str = "--transport and the certificates must be the nodes'";
    if let ConnectError::NotCasty { reason, .. } = error
        && *reason == NotCasty::Tls
    {
        return TRANSPORT;
    }
    match error.conclusion() {
        Conclusion::Unreachable => {
            "check --contact: does a node listen there, and is it reachable from here?"
        }
        Conclusion::Unresponsive | Conclusion::Untrusted => TRANSPORT,
        Conclusion::NotCasty => "that is no Casty node: check --contact",
        _ => "casty config check tells where each setting is from",
    }
}

/// Returns what helps against an error: of the first of its causes for which that is known.
pub(super) fn known(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(helps) = one(error) {
            return Some(helps);
        }
        next = error.source();
    }
    None
}

fn one(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(advised) = error.downcast_ref::<Advised>() {
        return Some(advised.helps);
    }
    of_message(error)
        .or_else(|| of_setting(error))
        .or_else(|| of_node(error))
        .or_else(|| {
            let file: &io::Error = error.downcast_ref()?;
            Some(match file.kind() {
                io::ErrorKind::AddrInUse => {
                    "end the process that listens there, or choose another port"
                }
                io::ErrorKind::AddrNotAvailable => "choose an address of this machine",
                _ => FILES,
            })
        })
}

/// Returns what helps against the error of a message that was sent.
fn of_message(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<TellError>() {
        return match error {
            TellError::Encode(_) | TellError::TooLong { .. } => Some(CODEC),
            TellError::Address(_) | TellError::LocalReference => Some(NOTATION),
            TellError::NoLeader | TellError::NoMember => Some(LOOK),
            _ => Some(AGAIN),
        };
    }
    if let Some(error) = error.downcast_ref::<AskError>() {
        return match error {
            AskError::Timeout { .. } => Some(TIME),
            AskError::Lost { .. } | AskError::ReplyDropped { .. } | AskError::Closed => {
                Some(REPEAT)
            }
            AskError::NoReplyTo => Some(NOTATION),
            AskError::Decode(_) => Some(CODEC),
            // Its cause tells more.
            AskError::Refused(_) | AskError::NotSent(_) => None,
            _ => Some(AGAIN),
        };
    }
    if let Some(error) = error.downcast_ref::<NotSent>() {
        return match error {
            NotSent::Expired(_) | NotSent::NodeGone => Some(TIME),
            NotSent::OtherShardCount { .. } => Some(SHARDS),
            _ => Some(AGAIN),
        };
    }
    if error.is::<MessageError>() {
        return Some(NOTATION);
    }
    error.is::<EncodeError>().then_some(CODEC)
}

/// Returns what helps against the error of an argument or a setting.
fn of_setting(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<SettingError>() {
        return match error {
            SettingError::Unreadable { .. } => Some(FILES),
            SettingError::NoTable { .. } => {
                Some("name the table that has the settings with --config-table")
            }
            SettingError::Certificates { .. } => {
                Some("casty cert makes certificates that fit together")
            }
            _ => Some(TO_CONFIG),
        };
    }
    if let Some(ConfigError::Setting(error)) = error.downcast_ref() {
        return of_setting(error);
    }
    if let Some(error) = error.downcast_ref::<RegionError>() {
        return match error {
            RegionError::Name { .. } => Some("casty topology lists the regions"),
            _ => Some(SHARDS),
        };
    }
    None
}

/// Returns what helps against the error of a node, or of what it hosts.
fn of_node(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<ReadyError>() {
        return match error {
            ReadyError::Timeout { .. } => Some(TIME),
            ReadyError::OtherSystem { .. } => Some("name the cluster's own system with --system"),
            ReadyError::Unreadable { .. } => Some(CODEC),
            ReadyError::OtherVersion(_) => Some("name nodes of casty 0.16 to 0.21"),
            _ => Some(LOOK),
        };
    }
    if let Some(error) = error.downcast_ref::<StructureError>() {
        return match error {
            StructureError::NotHosted { .. } => {
                Some("name a structure that the nodes host, and its kind")
            }
            StructureError::WrongShards { .. } => Some(SHARDS),
            StructureError::NoView { .. } => Some(TIME),
            StructureError::OtherExpected { .. } => Some("give all of them the same --parties"),
            StructureError::NotReleased { .. } => {
                Some("arrive again under the name that the error tells, with --as")
            }
            StructureError::Unhashable { .. } => {
                Some("casty set --help tells what may be a member")
            }
            // It is told as that error, and so are its causes.
            StructureError::Ask(error) => known(error),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<AcquireError>() {
        return match error {
            AcquireError::Timeout { .. } => Some("wait for longer with --wait"),
            AcquireError::Structure(error) => of_node(error),
            _ => Some(AGAIN),
        };
    }
    if let Some(error) = error.downcast_ref::<DownError>() {
        return match error {
            DownError::UnknownMember { .. } => Some("casty topology lists the members"),
            DownError::Cluster(error) => of_node(error),
            _ => Some(LOOK),
        };
    }
    error.is::<ConnectError>().then_some(LOOK)
}
