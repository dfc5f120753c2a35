//! The rules for hosts and system names, which become parts of addresses.

/// The longest announced host in bytes: that of a DNS name (RFC 1035, section 3.1).
const MAX_HOST: usize = 255;

/// Returns whether a host can be announced.
pub(super) fn is_host(host: &str) -> bool {
    !host.is_empty() && host.len() <= MAX_HOST && !host.contains([':', '/', '\n'])
}

/// Returns whether a name can be that of an actor system.
pub(super) fn is_system_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['@', '/', '\n'])
}

/// The most shards of a region: that of the router.
const MAX_SHARDS: u32 = 65_536;

/// Returns whether a region can have this name and so many shards.
pub(super) fn is_region(name: &str, shards: u32) -> bool {
    !name.is_empty() && !name.contains('\n') && (1..=MAX_SHARDS).contains(&shards)
}

/// The rule for regions and their numbers of shards, in words.
pub(super) const REGION: &str =
    "region names without line breaks, each once, with numbers of shards from 1 to 65536";

/// The rule for announced hosts, in words.
#[cfg(feature = "config")]
pub(super) const HOST: &str = "a host of 1 to 255 bytes without : / and line breaks";
/// The rule for names of actor systems, in words.
#[cfg(feature = "config")]
pub(super) const SYSTEM_NAME: &str = "a name without @ / and line breaks";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_from_1_to_255_bytes_and_none_that_ends_them() {
        assert!(is_host("h") && is_host(&"h".repeat(255)));
        for host in ["", "a:b", "a/b", "a\nb", &"h".repeat(256)] {
            assert!(!is_host(host), "{host}");
        }
    }
}
