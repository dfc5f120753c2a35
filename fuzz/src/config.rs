//! Configuration: TOML to a client's settings.

use casty_client::ClientConfig;

use crate::memory::{allowance, within};

/// What is read is read alike each time, and a client can be configured with it.
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
    let said = |config: &ClientConfig| {
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
    assert_eq!(said(&config), said(&again));
}
