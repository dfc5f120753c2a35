//! The errors of names and of the configuration.

use super::*;

/// Finds the errors of names.
pub(super) fn names(found: &mut Found) {
    let (region, asked, limit) = (text, 1, 1);
    let count = ShardCount::new(3).expect("is not 0");
    let shards = |source| RegionError::Shards {
        region: text(),
        source,
    };
    let (registered, too_many) = (count, RegisterRegionError::TooManyRegions { limit: 1 });
    let other = RegisterRegionError::OtherCount {
        registered,
        asked: count,
    };
    let path = NameError::Path {
        name: text(),
        call: "x",
        argument: text(),
    };
    found
        .is(Bug, RegionError::NoShards { region: region() })
        .is(Bug, RegionError::Name { region: region() })
        .is(Refused, RegionError::NotConfigured { region: region() })
        .is(
            Refused,
            RegionError::OtherConfigured {
                region: region(),
                configured: 2,
                asked,
            },
        )
        .is(Bug, shards(other))
        .is(Refused, shards(too_many))
        .is(Bug, SpawnError::Name(text()))
        .is(Refused, SpawnError::Taken(text()))
        .is(Busy, SpawnError::TooMany { limit })
        .is(ErrorKind::Closed, SpawnError::Closed)
        .is(Bug, NameError::Unusable(text()))
        .is(Bug, path);
}

/// Finds the errors of the configuration.
pub(super) fn settings(found: &mut Found) {
    let limit = 1;
    let allowed = casty_proto::AllowError::TooMany { limit };
    let (name, range, source) = ("x", "y", not_casty());
    found
        .is(Refused, ConfigError::NoContactPoints)
        .is(
            Refused,
            ConfigError::ContactPoint {
                text: text(),
                source,
            },
        )
        .is(Refused, ConfigError::NoSystemName)
        .is(Refused, ConfigError::SystemName(text()))
        .is(Refused, ConfigError::AnnouncedHost(text()))
        .is(Refused, ConfigError::Range { name, range })
        .is(Refused, ConfigError::NoCodec)
        .is(Refused, ConfigError::AllowedClasses(allowed))
        .is(Refused, ConfigError::NoTransport);
}

/// Finds the errors of what features add.
pub(super) fn features(found: &mut Found) {
    use crate::config::SettingError;
    let (kind, key, origin, feature) = (io::ErrorKind::NotFound, "x", text, "f");
    let (message, path, value) = (text, std::path::PathBuf::new(), "y");
    let thread = ConfigError::Thread {
        kind,
        message: message(),
    };
    let quic = casty_transport::QuicConfigError::NoKeepAlive;
    found
        .is(TimedOut, crate::blocking::Elapsed)
        .is(Unavailable, thread)
        .is(Refused, ConfigError::Quic(quic));
    for error in [
        SettingError::Unreadable {
            path,
            kind,
            message: message(),
        },
        SettingError::Syntax {
            origin: origin(),
            message: message(),
        },
        SettingError::Unknown {
            key: text(),
            origin: origin(),
            meant: None,
        },
        SettingError::NoTable {
            table: text(),
            origin: origin(),
        },
        SettingError::Invalid {
            key,
            origin: origin(),
            expected: "z",
            found: text(),
        },
        SettingError::Contradiction {
            key,
            origin: origin(),
            conflict: text(),
        },
        SettingError::Certificates {
            key,
            origin: origin(),
            message: message(),
        },
        SettingError::NotBuiltIn {
            key,
            value,
            origin: origin(),
            feature,
        },
    ] {
        found
            .is(Refused, ConfigError::Setting(error.clone()))
            .is(Refused, error);
    }
}
