//! Hostile configuration files.

use casty_client::ConfigError;
use casty_client::{ClientConfig, SettingError};

use super::{Bomb, Layer, Needs, ORDINARY};

const DEEP: usize = 5_000;

fn read(input: &[u8]) -> &'static str {
    let text = std::str::from_utf8(input).unwrap();
    match ClientConfig::from_toml_str(text) {
        Ok(_) => "fine",
        Err(ConfigError::Setting(error)) => match error {
            SettingError::Syntax { .. } => "Syntax",
            SettingError::Unknown { .. } => "Unknown",
            SettingError::Invalid { .. } => "Invalid",
            _ => "another fault",
        },
        Err(_) => "another error",
    }
}

pub(super) fn bombs() -> Vec<Bomb> {
    let bomb = |name, input: String, expected| {
        // No peer writes configuration. toml takes 100 bytes for each part of a key.
        let needs = Needs {
            overhead: 64 * input.len() as u64,
            ..ORDINARY
        };
        let layer = Layer::new("config", read);
        Bomb::new(layer, name, input, expected).needing(needs)
    };
    vec![
        bomb(
            "arrays in arrays",
            format!("a = {}{}", "[".repeat(DEEP), "]".repeat(DEEP)),
            "Syntax",
        ),
        bomb(
            "tables in tables",
            format!("a = {}1{}", "{a=".repeat(DEEP), "}".repeat(DEEP)),
            "Syntax",
        ),
        bomb(
            "a key of many parts",
            format!("{}a = 1", "a.".repeat(DEEP)),
            "Syntax",
        ),
        bomb(
            "a table's name of many parts",
            format!("[{}a]", "a.".repeat(DEEP)),
            "Syntax",
        ),
        bomb(
            "one key twice",
            "system_name = \"a\"\nsystem_name = \"b\"".to_owned(),
            "Syntax",
        ),
        bomb(
            "a number beyond 64 bits",
            "client_port = 9223372036854775808".to_owned(),
            "Syntax",
        ),
        bomb(
            "a port beyond 16 bits",
            "client_port = 65536".to_owned(),
            "Invalid",
        ),
        bomb(
            "a time that overflows",
            "ask_timeout = \"99999999999999999999y\"".to_owned(),
            "Invalid",
        ),
        bomb(
            "a size that overflows",
            "max_frame = \"99999999999999999GiB\"".to_owned(),
            "Invalid",
        ),
        bomb(
            "a key of 64 KiB",
            format!("{} = 1", "a".repeat(1 << 16)),
            "Unknown",
        ),
    ]
}
