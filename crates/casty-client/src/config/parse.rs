//! The values of a configuration as people write them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ::config::ValueKind;
use casty_proto::NodeAddress;

use super::names::{REGION, is_region};

/// The result of parsing a value; the error describes valid values.
pub(super) type Parsed<T> = Result<T, &'static str>;

/// Parses a string.
pub(super) fn text(value: &ValueKind) -> Parsed<String> {
    match value {
        ValueKind::String(text) => Ok(text.clone()),
        _ => Err("a string"),
    }
}

/// Parses a whole number, which variables have as text.
pub(super) fn number<T: TryFrom<i64>>(value: &ValueKind, expected: &'static str) -> Parsed<T> {
    let number = match value {
        ValueKind::I64(number) => Some(*number),
        ValueKind::String(text) => text.parse().ok(),
        _ => None,
    };
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or(expected)
}

/// Parses `true` or `false`, which variables have as text.
pub(super) fn boolean(value: &ValueKind) -> Parsed<bool> {
    match value {
        ValueKind::Boolean(value) => Some(*value),
        ValueKind::String(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or("true or false")
}

/// Parses a time with its unit, such as `5s` or `250ms`.
pub(super) fn duration(value: &ValueKind) -> Parsed<Duration> {
    const EXPECTED: &str = "a time such as \"5s\" or \"250ms\"";
    match value {
        ValueKind::String(text) => humantime::parse_duration(text).map_err(|_| EXPECTED),
        _ => Err(EXPECTED),
    }
}

/// Parses a number of bytes, plain or with a unit such as `16MiB`.
pub(super) fn size(value: &ValueKind) -> Parsed<usize> {
    const EXPECTED: &str = "a number of bytes, or a size such as \"16MiB\" (KiB, MiB, GiB)";
    const UNITS: [(&str, u64); 4] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("B", 1),
    ];
    if let ValueKind::String(text) = value
        && let Some((count, unit)) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
    {
        let count: Option<u64> = count.trim_end().parse().ok();
        let bytes = count.and_then(|count| count.checked_mul(*unit));
        return bytes
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or(EXPECTED);
    }
    number(value, EXPECTED)
}

/// Parses a list of strings, or one string with commas.
pub(super) fn list(value: &ValueKind) -> Parsed<Vec<String>> {
    const EXPECTED: &str = "a list of strings";
    match value {
        ValueKind::String(text) => Ok(parts(text).map(str::to_owned).collect()),
        ValueKind::Array(items) => items
            .iter()
            .map(|item| text(&item.kind).map_err(|_| EXPECTED))
            .collect(),
        _ => Err(EXPECTED),
    }
}

/// Parses a table of addresses, or one string such as `10.0.1.10:25520=localhost:25521,...`.
pub(super) fn addresses(value: &ValueKind) -> Parsed<HashMap<NodeAddress, NodeAddress>> {
    const EXPECTED: &str =
        "a table of addresses such as \"10.0.1.10:25520\" = \"localhost:25521\", each key once";
    let address = |text: &str| text.trim().parse::<NodeAddress>().map_err(|_| EXPECTED);
    let mut table = HashMap::new();
    let mut add = |from: &str, to: &str| match table.insert(address(from)?, address(to)?) {
        None => Ok(()),
        Some(_) => Err(EXPECTED),
    };
    match value {
        ValueKind::String(text) => {
            for pair in parts(text) {
                let (from, to) = pair.split_once('=').ok_or(EXPECTED)?;
                add(from, to)?;
            }
        }
        ValueKind::Table(entries) => {
            for (from, to) in entries {
                add(from, &text(&to.kind).map_err(|_| EXPECTED)?)?;
            }
        }
        _ => return Err(EXPECTED),
    }
    Ok(table)
}

/// Parses a table of regions with their numbers of shards, or one string such as
/// `account=24,cart=100`.
pub(super) fn regions(value: &ValueKind) -> Parsed<BTreeMap<String, u32>> {
    let mut table = BTreeMap::new();
    let mut add = |name: &str, shards: u32| {
        let first = table.insert(name.to_owned(), shards).is_none();
        (first && is_region(name, shards))
            .then_some(())
            .ok_or(REGION)
    };
    match value {
        ValueKind::String(text) => {
            for pair in parts(text) {
                // A name may have the sign in it, a number may not.
                let (name, shards) = pair.rsplit_once('=').ok_or(REGION)?;
                add(name.trim(), shards.trim().parse().map_err(|_| REGION)?)?;
            }
        }
        ValueKind::Table(entries) => {
            for (name, shards) in entries {
                add(name, number(&shards.kind, REGION)?)?;
            }
        }
        _ => return Err(REGION),
    }
    Ok(table)
}

/// Returns the parts between commas.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> ValueKind {
        ValueKind::String(text.to_owned())
    }

    #[test]
    fn times_need_their_unit() {
        assert_eq!(duration(&string("5s")), Ok(Duration::from_secs(5)));
        assert_eq!(duration(&string("250ms")), Ok(Duration::from_millis(250)));
        assert_eq!(duration(&string("1m 30s")), Ok(Duration::from_secs(90)));
        for bad in [string("5"), string("-5s"), string(""), ValueKind::I64(5)] {
            assert!(duration(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_are_numbers_or_have_a_binary_unit() {
        assert_eq!(size(&ValueKind::I64(4096)), Ok(4096));
        assert_eq!(size(&string("4096")), Ok(4096));
        assert_eq!(size(&string("4096B")), Ok(4096));
        assert_eq!(size(&string("16MiB")), Ok(16 << 20));
        assert_eq!(size(&string("1 GiB")), Ok(1 << 30));
        for bad in ["16MB", "16M", "1.5MiB", "-1", "99999999999999GiB", "MiB"] {
            assert!(size(&string(bad)).is_err(), "{bad}");
        }
        assert!(size(&ValueKind::I64(-1)).is_err());
    }

    #[test]
    fn regions_have_one_number_of_shards_each() {
        let known = regions(&string("account=24, cart = 100,a=b=1")).unwrap();
        let shards: Vec<_> = known.iter().map(|(name, n)| (&**name, *n)).collect();
        assert_eq!(shards, [("a=b", 1), ("account", 24), ("cart", 100)]);
        assert_eq!(regions(&string("")), Ok(BTreeMap::new()));
        for bad in [
            "account", "account=", "=24", "a=0", "a=65537", "a=-1", "a=1,a=1", "a=1 2",
        ] {
            assert_eq!(regions(&string(bad)), Err(REGION), "{bad}");
        }
        assert_eq!(regions(&ValueKind::I64(24)), Err(REGION));
    }

    #[test]
    fn an_address_map_names_each_node_once() {
        let map = addresses(&string("10.0.1.10:25520=localhost:25521, b:1=c:2")).unwrap();
        assert_eq!(map[&NodeAddress::new("b", 1)], NodeAddress::new("c", 2));
        assert_eq!(map.len(), 2);
        for bad in ["a:1", "a:1=b", "=", "a:1=b:1,a:1=c:1", "a=b:1"] {
            assert!(addresses(&string(bad)).is_err(), "{bad}");
        }
    }
}
