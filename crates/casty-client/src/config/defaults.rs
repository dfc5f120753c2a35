//! The default serializer and transport: the first that is compiled in.

use casty_proto::Codec;
use casty_transport::TransportConfig;

/// Returns the default serializer; `None` if none is compiled in.
#[allow(clippy::unnecessary_wraps, reason = "what is compiled in decides")]
pub(super) fn default_codec() -> Option<Codec> {
    #[cfg(feature = "pickle")]
    return Some(Codec::pickle());
    #[cfg(all(feature = "msgpack", not(feature = "pickle")))]
    return Some(Codec::msgpack());
    #[cfg(all(feature = "json", not(any(feature = "msgpack", feature = "pickle"))))]
    return Some(Codec::json());
    #[cfg(all(
        feature = "protobuf",
        not(any(feature = "json", feature = "msgpack", feature = "pickle"))
    ))]
    return Some(Codec::protobuf());
    #[cfg(not(any(
        feature = "json",
        feature = "msgpack",
        feature = "pickle",
        feature = "protobuf"
    )))]
    None
}

/// Returns the default transport; `None` if TCP is not compiled in.
#[allow(clippy::unnecessary_wraps, reason = "what is compiled in decides")]
pub(super) fn default_transport() -> Option<TransportConfig> {
    #[cfg(feature = "tcp")]
    return Some(TransportConfig::tcp());
    #[cfg(not(feature = "tcp"))]
    None
}
