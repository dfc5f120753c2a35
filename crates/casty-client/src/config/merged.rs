//! The layers of a configuration as one, and the look-up of single values.

use ::config::{Map, Source, Value, ValueKind};

use super::error::SettingError;
use super::parse::Parsed;

/// The settings of one file, of the environment, or one flag.
#[derive(Debug, Clone)]
pub(super) struct Layer(pub(super) Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// All layers as one.
pub(super) struct Merged {
    values: Map<String, Value>,
    layers: Vec<Layer>,
}

impl Merged {
    /// Merges layers, later ones above earlier.
    pub(super) fn new(layers: Vec<Layer>) -> Result<Self, SettingError> {
        // Only a source's own errors are handed on here, and these have none.
        let values = layers.collect().map_err(|error| SettingError::Syntax {
            origin: "the configuration".to_owned(),
            message: error.to_string(),
        })?;
        Ok(Self { values, layers })
    }

    /// Returns the value of a key and its place; `None` if no layer sets it.
    pub(super) fn get(&self, path: &str) -> Option<(&ValueKind, String)> {
        let value = at(&self.values, path)?;
        let mut origin = value.origin();
        if origin.is_none()
            && let ValueKind::Table(entries) = &value.kind
        {
            // Merged tables are made anew; what is in them is not.
            origin = entries.values().find_map(Value::origin);
        }
        Some((
            &value.kind,
            origin.unwrap_or("the configuration").to_owned(),
        ))
    }

    /// Returns the number of the last layer that sets a key.
    pub(super) fn layer(&self, path: &str) -> Option<usize> {
        let sets = |layer: &Layer| layer.0.contains_key(path) || at(&layer.0, path).is_some();
        self.layers.iter().rposition(sets)
    }
}

/// Returns the value at a path.
fn at<'a>(values: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let Some((table, key)) = path.split_once('.') else {
        return values.get(path);
    };
    match &values.get(table)?.kind {
        ValueKind::Table(inner) => inner.get(key),
        _ => None,
    }
}

/// Returns the parsed value of one key; `None` if no layer sets it.
pub(super) fn take<T>(
    merged: &Merged,
    key: &'static str,
    parse: &dyn Fn(&ValueKind) -> Parsed<T>,
) -> Result<Option<T>, SettingError> {
    let Some((value, origin)) = merged.get(key) else {
        return Ok(None);
    };
    match parse(value) {
        Ok(value) => Ok(Some(value)),
        Err(expected) => Err(invalid(key, value, origin, expected)),
    }
}

/// Returns the error of a value that the key may not have.
pub(super) fn invalid(
    key: &'static str,
    value: &ValueKind,
    origin: String,
    expected: &'static str,
) -> SettingError {
    let found = match value {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Array(_) => "this list".to_owned(),
        ValueKind::Table(_) => "this table".to_owned(),
        other => other.to_string(),
    };
    SettingError::Invalid {
        key,
        origin,
        expected,
        found,
    }
}
