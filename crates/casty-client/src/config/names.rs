//! The rules for hosts and system names, which must be able to stand in an address.

/// The longest host that is announced: that of a DNS name (RFC 1035, section 3.1).
const MAX_HOST: usize = 255;

pub(super) fn is_host(host: &str) -> bool {
    !host.is_empty() && host.len() <= MAX_HOST && !host.contains([':', '/', '\n'])
}

pub(super) fn is_system_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['@', '/', '\n'])
}

/// What a host that is announced must be, in words.
#[cfg(feature = "config")]
pub(super) const HOST: &str = "a host of 1 to 255 bytes without : / and line breaks";
/// What the name of an actor system must be, in words.
#[cfg(feature = "config")]
pub(super) const SYSTEM_NAME: &str = "a name without @ / and line breaks";
