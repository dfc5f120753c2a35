//! Configuration: a client's settings from TOML.

use casty_client::ClientConfig;

use crate::memory::{allowance, within};

/// Checks that a text is read alike each time, and that a client can be configured with the result.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = within(allowance(text.len()), "a configuration", || {
        ClientConfig::from_toml_str(text)
    });
    let again = ClientConfig::from_toml_str(text);
    let (config, again) = match (read, again) {
        (Ok(config), Ok(again)) => (config, again),
        (Err(error), Err(again)) => {
            assert_eq!(error.to_string(), again.to_string());
            return;
        }
        (one, two) => panic!("{:?}, then {:?}", one.err(), two.err()),
    };
    let settings = |config: &ClientConfig| {
        (
            config.system_name().map(str::to_owned),
            config.contact_points().to_vec(),
            config.codec_name(),
            config.transport_name(),
            config.compression(),
            config.tls().clone(),
            format!("{:?}", config.builder()),
        )
    };
    assert_eq!(settings(&config), settings(&again));
}
