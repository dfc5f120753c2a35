//! The settings: each with its default, and with the words in which the configuration refuses other values.

use std::fmt::Write as _;

use casty_client::{ClientConfig, ConfigError, SettingError};

use crate::example::Comments;
use crate::row;
use crate::value::{grouped, size};

const EXAMPLE: &str = include_str!("../../crates/casty-client/casty.example.toml");

/// Values of all types, each of which is refused by the keys of another, and the ends of their ranges.
const REFUSED: [&str; 9] = [
    "1.5",
    "0",
    "101",
    "4294967296",
    "''",
    "'a/b'",
    "'0ms'",
    "'99999d'",
    "'64GiB'",
];

/// Settings beside which keys are used, that are refused without them.
const BESIDE: [&str; 4] = [
    "",
    "compression = 'zlib'",
    "compression = 'bz2'",
    "compression = 'lz4'",
];

/// Types that many keys share, in the words of an error, and one word for each.
const TYPES: [(&str, &str); 5] = [
    ("a time such as ", "time"),
    ("a number of bytes, or a size ", "size"),
    ("a whole number", "number"),
    ("a string", "text"),
    ("a list of strings", "list"),
];

/// Returns the settings, a table for each table of a file.
pub(crate) fn tables() -> String {
    let comments = Comments::read(EXAMPLE);
    let (mut text, mut tables, mut types) = (String::new(), Vec::<(&str, String)>::new(), [""; 5]);
    for setting in ClientConfig::layers().settings().unwrap() {
        let (table, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        let words = refusals(setting.key);
        let accepted = accepted(&words, &mut types);
        let default = setting.value.map(|value| format!("`{value}`"));
        let own = comments.keys.get(setting.key);
        let meaning = own.or_else(|| comments.tables.get(setting.key));
        let meaning = meaning.unwrap_or_else(|| panic!("{} is not explained", setting.key));
        if !tables.iter().any(|(known, _)| *known == table) {
            let head = "| key | default | accepted | meaning |\n|---|---|---|---|\n".to_owned();
            tables.push((table, head));
        }
        let (_, rows) = tables.iter_mut().find(|(it, _)| *it == table).unwrap();
        let cells = [
            &format!("`{name}`"),
            &default.unwrap_or_default(),
            &accepted,
            meaning,
        ];
        row(rows, &cells.map(String::as_str));
    }
    for ((_, word), told) in TYPES.iter().zip(types).filter(|(_, told)| !told.is_empty()) {
        writeln!(text, "- {word}: {told}").unwrap();
    }
    for (table, rows) in tables {
        if !table.is_empty() {
            let about = &comments.tables[table];
            writeln!(text, "\n### The table `[{table}]`\n\n{about}").unwrap();
        }
        write!(text, "\n{rows}").unwrap();
    }
    text
}

/// Returns in which words the values of a key are described when another one is refused.
fn refusals(key: &str) -> Vec<&'static str> {
    let mut words = Vec::new();
    let tried = BESIDE
        .iter()
        .flat_map(|beside| REFUSED.map(|value| (beside, value)));
    for (beside, value) in tried {
        let text = format!("{beside}\n{key} = {value}\n");
        match ClientConfig::from_toml_str(&text) {
            Err(ConfigError::Setting(SettingError::Invalid {
                key: of, expected, ..
            })) if of == key && !words.contains(&expected) => words.push(expected),
            _ => {}
        }
    }
    assert!(!words.is_empty(), "{key} takes anything");
    words
}

/// Returns these words as a cell has them: types that many keys share by one word, which is noted.
fn accepted(words: &[&'static str], types: &mut [&'static str; 5]) -> String {
    let mut parts = Vec::new();
    for told in words {
        let shared = TYPES.iter().position(|(begin, _)| told.starts_with(begin));
        match shared {
            // A range in words of its own says the type as well.
            Some(_) if words.iter().any(|it| it != told && it.starts_with("a ")) => {}
            Some(at) => {
                types[at] = told;
                parts.push(TYPES[at].1.to_owned());
            }
            None => parts.push(with_units(told, words)),
        }
    }
    parts.join(", ")
}

/// Returns a range with its numbers as people write them.
fn with_units(range: &str, words: &[&str]) -> String {
    let is_size = words.iter().any(|it| it.starts_with(TYPES[1].0));
    let number = |word: &str| match word.parse::<u128>() {
        Ok(number) if is_size => size(number),
        Ok(number) if number >= 10_000 && !range.contains("port") => grouped(number),
        _ => word.to_owned(),
    };
    let words: Vec<_> = range.split(' ').map(number).collect();
    words.join(" ")
}

#[test]
fn a_key_is_described_by_its_type_and_its_range() {
    let of = |key| accepted(&refusals(key), &mut [""; 5]);
    assert_eq!(of("ask_timeout"), "time, 1ms or more");
    assert_eq!(of("max_frame"), "size, from 4 KiB to 1 GiB");
    assert_eq!(of("retry_percent"), "number, from 0 to 100");
    assert_eq!(of("client_port"), "a port from 0 to 65535");
    assert_eq!(of("quic.keep_alive"), "a time from \"1ms\" to \"49d\"");
    assert_eq!(of("shard_counts"), "lenient or strict");
}
