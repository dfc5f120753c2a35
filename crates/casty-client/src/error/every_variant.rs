//! One error of each variant of each type, and what is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use casty_proto::message::{ShardAllocation, TopologySnapshot};
use casty_routing::{CountContradiction, RegisterRegionError, View};

use super::any::Error;
use super::discovery::DiscoveryError;
use super::kind::ErrorKind::{self, Bug, Busy, Lost, Refused, TimedOut, Unavailable};
use super::names::NameError;
use super::outlook::HasOutlook;
use super::services::{LookupError, PickError, PickedError};
use super::*;
use crate::admin::{DownError, NotTold, NotVacated, StillUp};
use crate::config::ConfigError;
use crate::dead_letters::Loss;
use crate::distributed::error::{AcquireError, HoldLost, StructureError};
use crate::streams::error::{ProducerError, StreamError};

mod cluster;
mod messages;
mod settings;
mod structures;

const AFTER: Duration = Duration::from_secs(1);

fn node() -> NodeAddress {
    NodeAddress::new("n", 1)
}

fn text() -> String {
    "x".to_owned()
}

fn undecoded() -> DecodeError {
    DecodeError::Truncated { at: 1 }
}

fn unencoded() -> EncodeError {
    EncodeError::Unsupported {
        codec: "json",
        what: "it",
    }
}

fn not_casty() -> AddressError {
    AddressError::NotCasty
}

fn unconnected() -> ConnectError {
    let (to, after) = (node(), AFTER);
    ConnectError::ConnectTimeout { to, after }
}

fn misnamed() -> ConnectError {
    let (dialled, announced) = (node(), node());
    ConnectError::Misnamed { dialled, announced }
}

fn other_version() -> ConnectError {
    ConnectError::OtherVersion {
        peer: "n:1".into(),
        version: casty_transport::OtherVersion::V0_30,
        cluster: None,
    }
}

/// The errors that were checked: the names of type and variant.
#[derive(Default)]
struct Found(BTreeSet<(String, String)>);

impl Found {
    /// Checks one error: what it tells, and that an [`Error`] of it tells the same.
    fn is<E>(&mut self, kind: ErrorKind, error: E) -> &mut Self
    where
        E: HasOutlook + Into<Error> + 'static,
    {
        let (told, debug) = (error.outlook(), format!("{error:?}"));
        let fate = error.fate();
        let shown = Chain(&error).to_string();
        let any: Error = error.into();
        assert_eq!((told.kind, any.kind()), (kind, kind), "{debug}");
        assert_eq!(any.is_back_pressure(), kind == Busy, "{debug}");
        assert_eq!(any.retry_after(), told.retry_after, "{debug}");
        assert_eq!(any.fate(), fate, "{debug}");
        assert!(told.retry_after.is_none() || kind == Unavailable, "{debug}");
        assert_eq!(any.to_string(), shown);
        assert!(any.downcast_ref::<E>().is_some(), "{debug}");
        let name = std::any::type_name::<E>();
        let name = name.split('<').next().unwrap_or_default();
        let name = name.rsplit("::").next().unwrap_or_default();
        let variant: String = debug
            .chars()
            .take_while(|letter| letter.is_alphanumeric())
            .collect();
        self.0.insert((name.to_owned(), variant));
        self
    }

    /// Checks an error of an operation on a message, which has a fate.
    fn sent<E>(&mut self, kind: ErrorKind, error: E, fate: Fate) -> &mut Self
    where
        E: HasOutlook + Into<Error> + 'static,
    {
        assert_eq!(HasOutlook::fate(&error), Some(fate), "{error:?}");
        match kind {
            Busy | Unavailable => assert_eq!(fate, Fate::NotSent, "{error:?}"),
            TimedOut | Lost => assert_ne!(fate, Fate::NotSent, "{error:?}"),
            Refused | Bug | ErrorKind::Closed => {}
        }
        self.is(kind, error)
    }

    fn asked(&mut self, kind: ErrorKind, error: AskError) -> &mut Self {
        let fate = error.fate();
        self.sent(kind, StructureError::Ask(error.clone()), fate);
        let source = error.clone();
        let node = node();
        self.sent(kind, PickedError::Failed { node, source }, fate);
        self.sent(kind, error, fate)
    }

    fn told(&mut self, kind: ErrorKind, error: TellError) -> &mut Self {
        self.asked(kind, AskError::Refused(error.clone()));
        self.is(kind, StreamError::Refused(error.clone()));
        self.is(kind, ProducerError::Refused(error.clone()));
        let (node, source) = (node(), error.clone());
        self.sent(kind, PickedError::Failed { node, source }, error.fate());
        self.sent(kind, error, Fate::NotSent)
    }

    fn not_sent(&mut self, kind: ErrorKind, reason: NotSent) -> &mut Self {
        self.asked(kind, AskError::NotSent(reason.clone()));
        self.sent(kind, Loss::NotSent(reason.clone()), Fate::NotSent);
        self.sent(kind, reason, Fate::NotSent)
    }

    fn structure(&mut self, kind: ErrorKind, error: StructureError) -> &mut Self {
        let fate = error.fate();
        self.sent(kind, AcquireError::Structure(error.clone()), fate);
        self.sent(kind, error, fate)
    }

    fn unready(&mut self, kind: ErrorKind, error: ReadyError) -> &mut Self {
        let (service, source) = (text(), error.clone());
        self.is(kind, LookupError::NotReady { service, source });
        self.is(kind, DownError::Cluster(error.clone()));
        self.is(kind, error)
    }
}

/// Returns the variants of each error of this crate, and its name alone if it has none, as `api/` lists
/// them.
fn listed(api: &str) -> BTreeSet<(String, String)> {
    let errors = api.lines().filter_map(|line| {
        let name = line.split(" core::error::Error for ").nth(1)?;
        name.strip_prefix("casty_client::")?
            .split(['<', ' '])
            .next()
    });
    let mut listed = BTreeSet::new();
    for error in errors.filter(|error| *error != "Error") {
        let name = error.rsplit("::").next().unwrap_or(error).to_owned();
        let method = |line: &str| {
            line.starts_with(&format!("pub fn casty_client::{error}"))
                && line.contains("::kind(&self) -> casty_client::ErrorKind")
        };
        assert!(api.lines().any(method), "{error} has no kind()");
        let head = format!("pub casty_client::{error}");
        let mut variants: BTreeSet<_> = api
            .lines()
            .filter_map(|line| line.strip_prefix(&head))
            .filter_map(|rest| rest.split_once("::"))
            .filter(|(generics, _)| generics.is_empty() || generics.starts_with('<'))
            .map(|(_, variant)| {
                variant
                    .split(['(', ':'])
                    .next()
                    .unwrap_or(variant)
                    .to_owned()
            })
            .collect();
        if variants.is_empty() || api.contains(&format!("pub struct casty_client::{error}")) {
            variants = BTreeSet::from([name.clone()]);
        }
        listed.extend(variants.into_iter().map(|variant| (name.clone(), variant)));
    }
    listed
}

#[test]
fn every_variant_of_every_error_has_a_kind_that_goes_with_the_fate_of_its_message() {
    let mut found = Found::default();
    messages::not_sent(&mut found);
    messages::told(&mut found);
    messages::asked(&mut found);
    messages::over_limits(&mut found);
    cluster::not_ready(&mut found);
    cluster::services(&mut found);
    cluster::downs(&mut found);
    settings::names(&mut found);
    settings::settings(&mut found);
    settings::features(&mut found);
    structures::holds(&mut found);
    structures::structures(&mut found);
    structures::streams(&mut found);
    let api = concat!(env!("CARGO_MANIFEST_DIR"), "/../../api/casty-client.txt");
    let api = std::fs::read_to_string(api).expect("the list of what is public");
    let listed = listed(&api);
    assert!(listed.len() > 100, "{listed:?}");
    let left: Vec<_> = listed.symmetric_difference(&found.0).collect();
    assert!(left.is_empty(), "{left:#?}");
}
