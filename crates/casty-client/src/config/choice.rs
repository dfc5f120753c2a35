//! Keys that have one of a few words.

use ::config::ValueKind;

use super::error::SettingError;
use super::merged::{Merged, invalid};

/// One of the words that a key may have, as it was chosen.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) value: &'static str,
    /// The feature that the word needs.
    feature: &'static str,
    pub(super) origin: String,
}

/// A word and the feature that it needs.
pub(super) type Word = (&'static str, &'static str);

impl Choice {
    /// Returns the error of a word whose feature is not compiled in.
    pub(super) fn not_built_in(&self, key: &'static str) -> SettingError {
        SettingError::NotBuiltIn {
            key,
            value: self.value,
            origin: self.origin.clone(),
            feature: self.feature,
        }
    }
}

/// Reads one of the words that a key may have.
pub(super) fn choose(
    merged: &Merged,
    key: &'static str,
    words: &'static [Word],
) -> Result<Option<Choice>, SettingError> {
    let Some((value, origin)) = merged.get(key) else {
        return Ok(None);
    };
    let word = match value {
        ValueKind::String(text) => words.iter().find(|(word, _)| word == text),
        _ => None,
    };
    match word {
        Some(&(value, feature)) => Ok(Some(Choice {
            value,
            feature,
            origin,
        })),
        None => Err(invalid(key, value, origin, expected(key))),
    }
}

/// Returns the words that a key may have, for errors.
fn expected(key: &str) -> &'static str {
    match key {
        "buffer_overflow" => "refuse or drop_oldest",
        "codec" => "pickle, pickle_positional, cloudpickle, json, msgpack or protobuf",
        "shard_counts" => "lenient or strict",
        "compression" => "none, zlib, gzip, bz2, lzma or lz4",
        _ => "tcp, tls or quic",
    }
}
